"""An engine of a test's own, which may be stopped, killed and started. Needs root and dockerd."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from setup.engine_api import Endpoint, Engine

from support.installation import until

_START_S = 30.0
_PRIVATE = "mount --make-rprivate /; ip link set lo up"
_FLAGS = ("--bridge=none", "--iptables=false", "--ip6tables=false")


def possible() -> str:
    """Why there can be none here; empty where there can."""
    if os.geteuid() != 0:
        return "starting a Docker Engine needs root"
    if shutil.which("dockerd") is None:
        return "dockerd is not on this machine"
    return ""


class OwnEngine:
    """One dockerd with its data in a temporary folder; :meth:`close` leaves nothing."""

    def __init__(self) -> None:
        # Short: the paths of sockets hold 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="tbe"))
        self.url = f"unix://{self.folder}/d.sock"
        self.engine = Engine(Endpoint(self.url, "a test"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its process, which has the namespaces that its host would have."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers. :raises AssertionError: it does not; its log."""
        daemon = f"exec dockerd --data-root {self.folder}/data --exec-root {self.folder}/x"
        daemon += f" --pidfile {self.folder}/pid -H {self.url} {' '.join(_FLAGS)}"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # Mounts of its own: nothing it mounts outlives it. Networks of its own: an engine
                # without a default bridge removes docker0, which is the machine's own engine's.
                [*("unshare", "--mount", "--net"), "sh", "-c", f"{_PRIVATE}; {daemon}"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        until(self.engine.answers, _START_S, f"an engine of our own ({self.folder}/log)")

    def stop(self) -> None:
        """As ``systemctl stop docker``: its containers are stopped with it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut: engine and containers end at once, nothing is tidied up."""
        running = self.engine.call("GET", "/containers/json")
        details = [self.engine.call("GET", f"/containers/{one['Id']}/json") for one in running]
        self._end(signal.SIGKILL)
        self._end_remains()
        for one in details:
            try:
                os.kill(int(one["State"]["Pid"]), signal.SIGKILL)
            except ProcessLookupError:
                continue
        # What a machine forgets when it goes down: /run.
        shutil.rmtree(self.folder / "x", ignore_errors=True)

    def take_image(self, name: str, source: Engine) -> None:
        """Copy an image from another engine."""
        answer = source._open("GET", f"/images/{name}/get", None, (), 60)
        self.engine.call("POST", "/images/load", body=answer.read(), timeout=60)

    def close(self) -> None:
        """Remove its containers, end it and what it started, remove its data."""
        try:
            if self.engine.answers():
                for one in self.engine.call("GET", "/containers/json", query=[("all", "1")]):
                    self.engine.call(
                        "DELETE", f"/containers/{one['Id']}", query=[("force", "1"), ("v", "1")]
                    )
                for one in self.engine.call("GET", "/networks"):
                    if one["Driver"] == "bridge":
                        self.engine.call("DELETE", f"/networks/{one['Id']}")
        finally:
            self._end(signal.SIGTERM)
            self._end_remains()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(60)

    def _end_remains(self) -> None:
        """Containerd and what it runs outlive an engine that was killed."""
        mark = str(self.folder).encode()
        for entry in Path("/proc").iterdir():
            try:
                ours = entry.name.isdigit() and mark in (entry / "cmdline").read_bytes()
                if ours and int(entry.name) != os.getpid():
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue
