"""Debian's package tools: install what is missing, find the machine's own mirror.

No host name is written here: whatever the machine's apt is configured for is used.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from setup import state
from setup.run import output, quietly
from setup.say import SetupError, detail

_APT = Lock()
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
_WAIT = ("-o", "DPkg::Lock::Timeout=300")


def usable() -> bool:
    """Whether packages can be installed: apt is there and we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def installed(name: str) -> bool:
    """Whether a package is installed."""
    status = output(["dpkg-query", "-W", "-f", "${db:Status-Status}", name])
    return status == "installed"


def update() -> None:
    """Fetch the package lists."""
    with _APT:
        quietly(["apt-get", "update", "-q", *_WAIT], what="package lists", extra=_QUIET)


def install(*names: str) -> list[str]:
    """Install what is missing of these, and record it. Needs `usable()`."""
    missing = [name for name in names if not installed(name)]
    if not missing:
        return []
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *_WAIT, *missing]
    what = f"installing {' '.join(missing)}"
    detail(f"{what} from the machine's Debian mirror")
    with _APT:
        try:
            quietly(command, what=what, extra=_QUIET)
        except SetupError:  # no lists yet, or lists that are older than the mirror
            quietly(["apt-get", "update", "-q", *_WAIT], what="package lists", extra=_QUIET)
            quietly(command, what=what, extra=_QUIET)
    with state.change() as record:
        record["packages"] = sorted({*record["packages"], *missing})
    return missing


def mirrors() -> dict[str, str]:
    """The machine's mirrors by Debian's names for them: {"Debian": url, "Debian-Security": url}."""
    wanted = ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"]
    for attempt in (1, 2):
        lines = (output(wanted) or "").splitlines()
        pairs = [text.split(" ", 1) for text in lines]
        found = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0] and pair[1]}
        if "Debian" in found:
            return found
        if attempt == 1 and usable():
            update()  # a label is known only once the lists are there
    raise SetupError(
        "this machine's apt knows no Debian mirror",
        "What is missing can be built from Debian's packages only on Debian.",
        5,
    )


def keyring() -> Path:
    """Debian's signing keys, as every Debian has them."""
    return Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def transport_options() -> list[str]:
    """The machine's apt settings on how to fetch (proxies, certificates), for another root."""
    dump = output(["apt-config", "dump", "Acquire"]) or ""
    wanted = re.compile(r"Acquire::(?:https?|Retries|Check-)[^;]* \"[^\"]+\";$", re.IGNORECASE)
    return [text for text in dump.splitlines() if wanted.match(text)]


def fetch(package: str, folder: Path, apt_options: Sequence[str] = ()) -> None:
    """Download one package and unpack it into a folder; nothing is installed, no root is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # Root's apt would drop its rights to fetch, and complain that this folder is not its own.
        command = ["apt-get", *apt_options, "-q", "-o", "APT::Sandbox::User=", "download", package]
        try:
            quietly(command, what=f"downloading {package}", cwd=Path(scratch))
        except SetupError:
            if apt_options or not usable():
                raise
            update()
            quietly(command, what=f"downloading {package}", cwd=Path(scratch))
        [archive] = Path(scratch).glob("*.deb")
        quietly(["dpkg", "-x", archive, folder], what=f"unpacking {package}")
