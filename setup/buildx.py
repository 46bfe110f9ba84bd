"""`docker buildx`, for tests of builds by BuildKit: in a folder of its own, `.cache/buildx`.

Named as DOCKER_CONFIG, it gives the plugin to `docker`; no folder of the person's is touched.
"""

import os
import shutil
import tempfile
from pathlib import Path

from setup import debian
from setup.compose_peer import private_apt
from setup.run import CACHE, output, quietly
from setup.say import SetupError, step, warn

FOLDER = CACHE / "buildx"
PLUGIN = FOLDER / "cli-plugins" / "docker-buildx"
_SUITE = "sid"


def ensure() -> Path | None:
    """A DOCKER_CONFIG with the plugin; None, with a warning, where it is not to be had."""
    with step("docker buildx for tests") as result:
        if not _works():
            try:
                _download()
            except SetupError as error:
                warn(f"docker buildx is not to be had here: {error}")
                result("none")
                return None
        result("there")
        return FOLDER


def _works() -> bool:
    return PLUGIN.exists() and "buildx" in (output([PLUGIN, "version"]) or "")


def _download() -> None:
    """From Debian's newest suite, as Docker Compose."""
    if shutil.which("apt-get") is None:
        raise SetupError("it is not installed, and this is not Debian")
    mirror = debian.mirrors()["Debian"]
    PLUGIN.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        folder = Path(scratch)
        options = private_apt(folder, f"{mirror} {_SUITE} main")
        quietly(["apt-get", *options, "-q", "update"], what=f"package lists of {_SUITE}")
        debian.fetch("docker-buildx", folder / "unpacked", options)
        [program] = (folder / "unpacked").rglob("cli-plugins/docker-buildx")
        os.replace(program, PLUGIN)
    if not _works():
        raise SetupError("what was downloaded does not run here")
