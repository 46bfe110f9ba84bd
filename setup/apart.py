"""A second engine of the machine's own kind, for the length of one block: what runs beside it sees
no other, and nobody else sees what it does.

It has processes, mounts and a network of its own, and `/run/docker.sock` is its socket there. All
that is started beside it ends with it. Needs root, Linux and `dockerd`.
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

from setup.engine_api import Endpoint, Engine
from setup.run import CACHE, ROOT, environment
from setup.say import SetupError

_START_S = 60.0
_STOP_S = 60.0
_PROGRAMS = ("dockerd", "unshare", "nsenter", "ip")
# The first process of its own world takes in every orphan, so it may not be the engine itself.
_SCRIPT = """
mount --make-rprivate / && mount -t tmpfs tmpfs /run && ip link set lo up || exit 1
dockerd --data-root "$1" --exec-root /run/docker --pidfile /run/docker.pid \
  -H unix:///run/docker.sock -H "unix://$2" &
engine=$!
trap 'kill -TERM $engine' TERM
while kill -0 $engine 2>/dev/null; do wait; done
"""


def possible() -> bool:
    """Whether there can be such an engine here."""
    path = environment()["PATH"]
    return (
        sys.platform == "linux"
        and os.geteuid() == 0
        and all(shutil.which(one, path=path) for one in _PROGRAMS)
    )


@contextmanager
def running(source: Engine, names: Sequence[str]) -> Iterator[list[str]]:
    """An engine that has these images of `source`; gives the words that, before a command, run it
    beside that engine. Raises SetupError."""
    CACHE.mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="apart-", dir=CACHE))
    short = Path(tempfile.mkdtemp(prefix="tba"))  # the path of a socket holds 107 letters
    arguments = ["sh", "-c", _SCRIPT, "sh", str(data / "data"), str(short / "d.sock")]
    private = ["--mount", "--net", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with (short / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", *private, *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(),
            start_new_session=True,
        )  # fmt: skip
    try:
        engine = Engine(Endpoint(f"unix://{short}/d.sock", "setup.apart"))
        _wait(process, engine, short / "log")
        _take_images(engine, source, names)
        first = _first_inside(process.pid)
        # Who enters it stands at its root.
        here = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(ROOT)]
        yield ["nsenter", f"--target={first}", "--mount", "--net", "--uts", "--pid", "--", *here]
    finally:
        _end(process)
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(short, ignore_errors=True)


def _wait(process: "subprocess.Popen[bytes]", engine: Engine, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not engine.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise SetupError("an engine apart does not answer", last, 5)
        time.sleep(0.1)


def _take_images(engine: Engine, source: Engine, names: Sequence[str]) -> None:
    query = [("names", name) for name in names]
    archive = source._open("GET", "/images/get", None, query, 300)
    pieces = iter(lambda: archive.read(1 << 20), b"")
    for _ in engine.stream("POST", "/images/load", body=pieces):
        pass


def _first_inside(pid: int) -> int:
    """The first process of the world that `unshare` made: its child."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The engine stops its containers; what is left is killed with its world."""
    try:
        os.kill(_first_inside(process.pid), signal.SIGTERM)
        process.wait(_STOP_S)
    except (OSError, IndexError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
