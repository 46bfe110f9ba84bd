"""The virtual environment: `.venv` with tabib in it, editable, and the tools of development."""

import hashlib
import shutil
import sys
from pathlib import Path

from setup import debian
from setup.run import ROOT, output, quietly
from setup.say import SetupError, detail, step

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
_STAMP = VENV / ".made-for"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def ensure() -> None:
    """Make or bring up to date `.venv`. Nothing to do costs the hash of one file."""
    with step("virtual environment") as result:
        wanted = _fingerprint()
        if _stamp() == wanted and PYTHON.exists() and (VENV / "bin" / "tabib").exists():
            result("up to date")
            return
        if not _works():
            _create()
        detail("installing tabib and its tools into .venv")
        # pip, not something faster: it is what the machine's own index settings are made for.
        options = ("--quiet", "--disable-pip-version-check", "--editable", ".[dev]")
        command = [str(PYTHON), "-m", "pip", "install", *options]
        quietly(command, what="installing Python packages", cwd=ROOT)
        _STAMP.write_text(wanted)
        result("made, with tabib in it (editable)")


def _fingerprint() -> str:
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()


def _stamp() -> str:
    try:
        return _STAMP.read_text()
    except OSError:
        return ""


def _works() -> bool:
    """Whether there is an environment that runs, is new enough, and has pip."""
    probe = "import sys, pip; print(sys.version_info >= (3, 11))"
    return PYTHON.exists() and (output([PYTHON, "-c", probe]) or "").strip() == "True"


def _create() -> None:
    if output([sys.executable, "-c", "import ensurepip, venv"]) is None:
        # Debian splits it from Python, in a package for each version.
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not debian.usable():
            raise SetupError(
                "this Python cannot make virtual environments",
                f"As root: apt-get install {package}   (or the like on other systems)",
            )
        debian.install(package)
    if debian.usable() and not _CERTIFICATES.exists():
        debian.install("ca-certificates")
    shutil.rmtree(VENV, ignore_errors=True)
    quietly([sys.executable, "-m", "venv", VENV], what="making the virtual environment")
