"""The series on full and read-only disks, for real: each story runs on a tmpfs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stores.series_disk_stories import STORIES
from stores.test_disk import MOUNT

SIZE = {"makes_room": "48m", "leaves_the_floor": "64m"}


@pytest.mark.parametrize("story", [one.__name__ for one in STORIES])
def test_story(story: str, tmp_path: Path) -> None:
    namespace = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    mounted = ["bash", "-c", MOUNT, "bash", SIZE.get(story, "8m"), str(tmp_path)]
    file = Path(__file__).with_name("series_disk_stories.py")
    tests = str(file.parent.parent)
    done = subprocess.run(
        ["unshare", *namespace, *mounted, sys.executable, str(file), story],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": tests},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{story}: told to its end\n"
