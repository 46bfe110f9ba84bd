"""restic as a person would run it: the image and the options that tabib uses, one container a call.

What is compared with it runs beside it in the same rounds, into repositories that are new on both
sides, with the data gone from the page cache before each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.bench import Bench

IMAGE = "restic/restic:0.18.1"
KEY = "by-hand"


class ByHand:
    """A repository of its own."""

    def __init__(self, bench: Bench, folder: Path, key: str = KEY) -> None:
        self._bench = bench
        self.folder = folder
        self._key = key

    def begin(self) -> None:
        """Make it anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.run("init")

    def run(self, *words: str, mount: str = "") -> float:
        """One call of restic; seconds."""
        return self._bench.run(*self.command("restic", mount=mount), "--no-cache", *words)

    def shell(self, script: str, *, mount: str = "") -> float:
        return self._bench.run(*self.command("sh", mount=mount), "-c", script)

    def command(self, program: str, *, mount: str = "", stdin: bool = False) -> list[str]:
        command = ["docker", "run", "--rm", "--network", "none", "--hostname", "bench"]
        command += [*(["-i"] if stdin else []), "--entrypoint", program]
        command += ["-v", f"{self.folder}:/repository", *(["-v", mount] if mount else [])]
        command += ["-e", f"RESTIC_PASSWORD={self._key}", "-e", "RESTIC_REPOSITORY=/repository"]
        return [*command, "-e", "HOME=/tmp", IMAGE]


def cold(*folders: Path) -> None:
    """What was written is on the disk, and nothing of these folders' files in the page cache: data
    that is copied once a day is not there. Programs stay there, tabib's and Docker's alike."""
    subprocess.run(["sync"], check=False)
    for folder in folders:
        for above, _, names in os.walk(folder):
            for name in names:
                descriptor = os.open(os.path.join(above, name), os.O_RDONLY)
                try:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(descriptor)
