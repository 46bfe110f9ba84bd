"""A newer Docker Engine beside the machine's own, for the length of one command.

    python3 -m setup.engine28 [--containerd-store] COMMAND…

Debian's newest engine is unpacked into `.cache/engine28`; nothing is installed. It runs with
networks, mounts, data and a socket of its own, and the command in the same network with
`DOCKER_HOST` naming it; the engine is gone afterwards. It reaches no registry. Needs root and
Debian, and uses the machine's `runc`, for the newest one wants a newer libc than Debian 12 has.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from setup import buildx, debian, images
from setup.compose_peer import private_apt
from setup.engine_api import Endpoint, Engine
from setup.run import CACHE, environment, output, quietly
from setup.say import SetupError, problem, step

FOLDER = CACHE / "engine28"
_SUITE = "sid"
_PACKAGES = ("docker.io", "containerd")
_START_S = 60.0
_STOP_S = 60.0
_CONTAINERD_STORE = "--containerd-store"
_SCRIPT = 'mount --make-rprivate / && mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"'


def main(words: Sequence[str]) -> int:
    """Run a command beside the engine; its exit code."""
    extra = ["--feature=containerd-snapshotter=true"] if _CONTAINERD_STORE in words[:1] else []
    command = words[1:] if extra else words
    if not command:
        problem(SetupError("no command is given", __doc__ or "", 2))
        return 2
    try:
        ensure()
        plugins = buildx.ensure()
        with running(extra) as (pid, engine):
            told = {"DOCKER_HOST": engine.endpoint.url, "OFFLINE": "1"}
            if plugins:
                told["DOCKER_CONFIG"] = str(plugins)
            inside = ["nsenter", f"--net=/proc/{pid}/ns/net", "--", *command]
            return subprocess.run(inside, env=environment(told), check=False).returncode
    except SetupError as error:
        problem(error)
        return error.code


def ensure() -> None:
    """Have the programs. Raises SetupError where they are not to be had."""
    with step("a newer Docker Engine for tests") as result:
        if not _version():
            _download()
        result(_version())


def _program() -> Path:
    return FOLDER / "usr" / "sbin" / "dockerd"


def _version() -> str:
    return (output([_program(), "--version"]) or "").strip()


def _download() -> None:
    if not debian.usable():
        raise SetupError("it wants root, and Debian", "", 5)
    mirror = debian.mirrors()["Debian"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        options = private_apt(Path(scratch), f"{mirror} {_SUITE} main")
        quietly(["apt-get", *options, "-q", "update"], what=f"package lists of {_SUITE}")
        for package in _PACKAGES:
            debian.fetch(package, FOLDER, options)
    if not _version():
        raise SetupError("what was downloaded does not run here")


@contextmanager
def running(extra: Sequence[str] = ()) -> Iterator[tuple[int, Engine]]:
    """(its pid, the engine), which answers and has the tests' image; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tbx"))  # Short: the path of a socket holds 107 letters.
    url = f"unix://{folder}/d.sock"
    daemon = [
        str(_program()), f"--data-root={folder}/data", "--exec-root=/run/docker",
        f"--pidfile={folder}/pid", f"--host={url}", "--bip=172.31.0.1/16",
        f"--userland-proxy-path={FOLDER}/usr/sbin/docker-proxy", *extra,
    ]  # fmt: skip
    path = f"{FOLDER}/usr/bin:{environment()['PATH']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "sh", "-c", _SCRIPT, "sh", *daemon],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment({"PATH": path}),
            start_new_session=True,
        )  # fmt: skip
    try:
        engine = Engine(Endpoint(url, "setup.engine28"))
        _wait(process, engine, folder / "log")
        os.environ["OFFLINE"] = "1"
        images.ensure(engine, images.TESTS)
        yield process.pid, engine
    finally:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: "subprocess.Popen[bytes]", engine: Engine, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not engine.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise SetupError("the newer engine does not answer", last, 5)
        time.sleep(0.1)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """It stops its containers and its containerd; killed only where it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
