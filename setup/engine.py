"""The engine: the one that is there, or Debian's, installed and started."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from setup import debian, processes, state
from setup.engine_api import DEFAULT, Endpoint, Engine, EngineError, find
from setup.run import environment, output, quietly
from setup.say import SetupError, detail, step

_PACKAGES = ("docker.io", "containerd", "runc", "iptables")
_PID = Path("/run/docker.pid")
_SOCKET = Path("/run/docker.sock")
_OWN_CONTAINERD = Path("/run/docker/containerd")
_SYSTEM_CONTAINERD = Path("/run/containerd/containerd.sock")
_PATIENCE = 60.0


def ensure() -> Engine:
    """Give an engine that answers; start one where that is ours to do. SetupError: code 5."""
    with step("engine") as result:
        try:
            endpoint = find()
            engine = Engine(endpoint)
        except EngineError as error:
            raise SetupError(str(error), "Choose another with DOCKER_HOST.", 5) from error
        if not engine.answers():
            _start(endpoint, engine)
        result(_describe(engine))
        return engine


def connected() -> Engine | None:
    """The engine when it answers now, else None. Starts nothing."""
    try:
        engine = Engine(find())
    except EngineError:
        return None
    return engine if engine.answers() else None


def is_ours(engine: Engine) -> bool:
    """Whether set-up installed or started this engine: then its image names are ours to give."""
    if engine.endpoint.url != DEFAULT:
        return False
    record = state.load()
    made = record["engine"]
    running = bool(made) and processes.identity(made["pid"]) == made["identity"]
    return running or "docker.io" in record["packages"]


def stop() -> str | None:
    """Stop the engine that set-up started, if it still runs; say what was done."""
    with state.change() as record:
        made = record["engine"]
        if not made:
            return None
        record["engine"] = {}
        if processes.identity(made["pid"]) != made["identity"]:
            return None
        if made.get("systemd"):
            quietly(["systemctl", "stop", "docker.service", "docker.socket"], what="the engine")
            return "stopped the engine"
        if processes.end(made["pid"], made["identity"], 30):
            return "stopped the engine"
        record["engine"] = made
    raise SetupError(f"the engine (process {made['pid']}) does not stop", f"kill {made['pid']}")


def _describe(engine: Engine) -> str:
    try:
        version = engine.call("GET", "/version")
    except EngineError as error:
        raise SetupError(f"the engine does not tell its version: {error}", "", 5) from error
    kind = "Docker Engine" if "podman" not in str(version.get("Components")).lower() else "Podman"
    return f"{kind} {version['Version']} at {engine.endpoint.url}"


def _start(endpoint: Endpoint, engine: Engine) -> None:
    if endpoint.url != DEFAULT:
        raise SetupError(
            f"no engine answers at {endpoint.url}, which {endpoint.source} names",
            "Start it, or unset DOCKER_HOST (docker context use default) to take the local one.",
            5,
        )
    if not _permitted():
        raise SetupError(
            "an engine is there, but this user has no right on its socket",
            "sudo usermod -aG docker $USER, then log in anew; or run this as root.",
            5,
        )
    if os.geteuid() != 0:
        raise SetupError(
            "no Docker Engine answers",
            "Start Docker (Desktop, or: sudo systemctl start docker; rootless: export\n"
            "DOCKER_HOST=unix://$XDG_RUNTIME_DIR/docker.sock), or install it\n"
            "(Debian: sudo apt-get install docker.io), or run this as root: it then does both.",
            5,
        )
    if shutil.which("dockerd", path=environment()["PATH"]) is None:
        if not debian.usable():
            raise SetupError(
                "no Docker Engine is installed", "Install one, then run this again.", 5
            )
        debian.install(*_PACKAGES)
        if _wait(engine, 3, None):  # some machines start a service when it is installed
            _remember(None)
            return
    if Path("/run/systemd/system").is_dir():
        quietly(["systemctl", "start", "docker.service"], what="starting the engine")
        if _wait(engine, _PATIENCE, None):
            _remember(None, systemd=True)
            return
        raise SetupError("the engine was started but does not answer", _journal(), 5)
    _clear_remains(engine)
    if not engine.answers():
        _launch(engine)


def _permitted() -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            probe.connect(str(_SOCKET))
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def _clear_remains(engine: Engine) -> None:
    """Remove what an engine that was killed left behind. A living one is waited for instead."""
    pid = processes.pid_in(_PID)
    if pid and processes.program(pid) == "dockerd":
        detail(f"dockerd runs (process {pid}) and does not answer yet; waiting for it")
        if _wait(engine, 20, None):
            return
        raise SetupError(
            f"dockerd runs (process {pid}) but does not answer", f"Stop it: kill {pid}", 5
        )
    for file in (_PID, _SOCKET):
        file.unlink(missing_ok=True)
    # A dockerd that finds these believes them: it would wait for a containerd that is gone.
    for file in _OWN_CONTAINERD.glob("*.pid"):
        if processes.program(processes.pid_in(file) or 0) != "containerd":
            file.unlink(missing_ok=True)
    if _SYSTEM_CONTAINERD.exists():
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(_SYSTEM_CONTAINERD))
        except ConnectionRefusedError:
            _SYSTEM_CONTAINERD.unlink(missing_ok=True)


def _launch(engine: Engine) -> None:
    _mount_cgroups()
    state.folder().mkdir(parents=True, exist_ok=True)
    log = state.folder() / "dockerd.log"
    detail(f"starting dockerd (its log: {log})")
    with log.open("ab") as sink:
        sink.write(f"--- started by tabib's set-up, {time.strftime('%F %T')} ---\n".encode())
        started = subprocess.Popen(  # in its own session: closing this terminal must not end it
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            env=environment(),
            cwd="/",
        )
    if not _wait(engine, _PATIENCE, started):
        if started.poll() is None:
            started.terminate()
        said = log.read_text(errors="replace").splitlines()[-8:]
        raise SetupError("dockerd was started but does not answer", "\n".join(said), 5)
    _remember(started.pid)


def _mount_cgroups() -> None:
    """Containers need cgroups; without systemd, nothing may have mounted them."""
    if " - cgroup" in Path("/proc/self/mountinfo").read_text():
        return
    if debian.usable():
        debian.install("cgroupfs-mount")
        quietly(["cgroupfs-mount"], what="mounting the control groups")


def _wait(engine: Engine, patience: float, started: subprocess.Popen[bytes] | None) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if engine.answers():
            return True
        if started and started.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def _remember(pid: int | None, *, systemd: bool = False) -> None:
    pid = pid or processes.pid_in(_PID)
    who = processes.identity(pid) if pid else None
    if who:
        with state.change() as record:
            record["engine"] = {"pid": pid, "identity": who, "systemd": systemd}


def _journal() -> str:
    return output(["journalctl", "-u", "docker", "-n", "8", "--no-pager"]) or ""
