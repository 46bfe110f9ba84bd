"""Docker Compose 2.40: the oracle of the tests and the peer of the benchmarks.

The program ends up at `.cache/compose/docker-compose` and is called directly; no plugin folder of
the person's, and none of the machine's package sources, is touched.
"""

import os
import shutil
import tempfile
from pathlib import Path

from setup import debian
from setup.run import CACHE, output, quietly
from setup.say import SetupError, step, warn

PROGRAM = CACHE / "compose" / "docker-compose"
_VERSION = "2.40."
_SUITE = "sid"
_PLUGINS = (
    "~/.docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def ensure() -> Path | None:
    """The program's path; None, with a warning, where it is not to be had: some tests then skip."""
    with step("Docker Compose to compare with") as result:
        if not _is_it(PROGRAM):
            found = next((path for path in _installed() if _is_it(path)), None)
            try:
                _link(found) if found else _download()
            except SetupError as error:
                warn(f"Docker Compose {_VERSION}x is not to be had here: {error}")
                warn("tests that compare with it are skipped")
                result("none")
                return None
        result(_version(PROGRAM))
        return PROGRAM


def _version(program: Path) -> str:
    return (output([program, "version", "--short"]) or "").strip()


def _is_it(program: Path) -> bool:
    return program.exists() and _version(program).lstrip("v").startswith(_VERSION)


def _installed() -> list[Path]:
    folders = [Path(folder).expanduser() for folder in _PLUGINS]
    found = [folder / "docker-compose" for folder in folders]
    if on_path := shutil.which("docker-compose"):
        found.append(Path(on_path))
    return found


def _link(found: Path) -> None:
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    PROGRAM.unlink(missing_ok=True)
    PROGRAM.symlink_to(found)


def _download() -> None:
    """From Debian's newest suite, with package lists and sources of its own for this one fetch."""
    if shutil.which("apt-get") is None:
        raise SetupError("it is not installed, and this is not Debian")
    mirror = debian.mirrors()["Debian"]
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PROGRAM.parent) as scratch:
        folder = Path(scratch)
        options = private_apt(folder, f"{mirror} {_SUITE} main")
        quietly(["apt-get", *options, "-q", "update"], what=f"package lists of {_SUITE}")
        debian.fetch(f"docker-compose={_VERSION}*", folder / "unpacked", options)
        [program] = (folder / "unpacked").rglob("cli-plugins/docker-compose")
        os.replace(program, PROGRAM)
    if not _is_it(PROGRAM):
        raise SetupError("what was downloaded does not run here")


def private_apt(folder: Path, source: str) -> list[str]:
    """Options by which apt-get uses ``source`` alone, and keeps everything in ``folder``."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb [signed-by={debian.keyring()}] {source}\n")
    settings = {
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
