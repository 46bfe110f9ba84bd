"""cAdvisor 0.38: what the benchmark of sampling compares with.

The program ends up at `.cache/cadvisor/cadvisor`, from Debian's bullseye (the last suite that has
it); none of the machine's package sources is touched.
"""

import os
import shutil
import tempfile
from pathlib import Path

from setup import debian
from setup.compose_peer import private_apt
from setup.run import CACHE, output, quietly
from setup.say import SetupError, step, warn

PROGRAM = CACHE / "cadvisor" / "cadvisor"
_SUITE = "bullseye"


def ensure() -> Path | None:
    """The program's path; None, with a warning, where it is not to be had: its row is left out."""
    with step("cAdvisor to compare with") as result:
        if not _runs():
            try:
                _download()
            except SetupError as error:
                warn(f"cAdvisor is not to be had here: {error}")
                result("none")
                return None
        result("0.38")
        return PROGRAM


def _runs() -> bool:
    return PROGRAM.exists() and output([PROGRAM, "--version"]) is not None


def _download() -> None:
    if shutil.which("apt-get") is None:
        raise SetupError("this is not Debian")
    mirror = debian.mirrors()["Debian"]
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PROGRAM.parent) as scratch:
        folder = Path(scratch)
        options = private_apt(folder, f"{mirror} {_SUITE} main")
        quietly(["apt-get", *options, "-q", "update"], what=f"package lists of {_SUITE}")
        debian.fetch("cadvisor", folder / "unpacked", options)
        [program] = (folder / "unpacked").rglob("bin/cadvisor")
        os.replace(program, PROGRAM)
    if not _runs():
        raise SetupError("what was downloaded does not run here")
