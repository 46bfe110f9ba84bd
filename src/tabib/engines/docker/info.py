"""Who the engine is: what it says of itself, and what the kernel says of its process."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tabib.engines.docker.call import Call
from tabib.engines.docker.gateway import ApiVersion, Gateway
from tabib.engines.docker.logs import CONTENT_TYPE_SINCE
from tabib.engines.docker.states import parse_time
from tabib.engines.docker.translate.config import START_INTERVAL_SINCE
from tabib.engines.docker.translate.creation import MANY_NETWORKS_SINCE
from tabib.model.container import IMAGE_INDEXES, EngineInfo
from tabib.model.errors import NotFound

CAPABILITIES: Mapping[str, ApiVersion] = {
    "logs.content_type": CONTENT_TYPE_SINCE,
    "stop.signal": (1, 42),
    "healthcheck.start_interval": START_INTERVAL_SINCE,
    "network.many_at_create": MANY_NETWORKS_SINCE,
    "mount.subpath": (1, 45),
    "mount.image": (1, 48),
}
_PID_FILE = Path("/var/run/docker.pid")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProcess:
    """The engine's process on this machine, as far as it can be seen."""

    pid: int
    started_at: datetime
    same_root: bool
    """It sees our root file system."""


async def info(gateway: Gateway) -> EngineInfo:
    """See :meth:`tabib.ports.Engine.info`."""
    said = await gateway.get(Call(attempted="ask who the engine is"), "/info")
    process = await _process(gateway)
    root_dir = str(said.get("DockerRootDir") or "")
    hostname = str(said.get("Name") or "")
    local = process.same_root if process else _looks_local(gateway, hostname, root_dir)
    started_at = process.started_at if process else await _bridge_created(gateway)
    return EngineInfo(
        id=str(said.get("ID") or f"{hostname}:{root_dir}"),
        kind="docker",
        version=str(said.get("ServerVersion") or ""),
        api_version=f"{gateway.api[0]}.{gateway.api[1]}",
        endpoint=gateway.address.url,
        hostname=hostname,
        os=str(said.get("OSType") or "linux"),
        architecture=str(said.get("Architecture") or ""),
        root_dir=root_dir,
        started_at=started_at,
        local=local,
        cgroup_version=int(said.get("CgroupVersion") or 0),
        capabilities=_capabilities(gateway.api, said),
    )


def _capabilities(api: ApiVersion, said: Mapping[str, Any]) -> frozenset[str]:
    found = {name for name, since in CAPABILITIES.items() if api >= since}
    status = [[str(word) for word in row] for row in said.get("DriverStatus") or ()]
    # So `docker buildx` and `docker info` tell the containerd image store from the former one.
    if ["driver-type", "io.containerd.snapshotter.v1"] in status:
        found.add(IMAGE_INDEXES)
    return frozenset(found)


async def _bridge_created(gateway: Gateway) -> datetime | None:
    """Every start of an engine makes its network ``bridge`` anew (unless containers live on)."""
    try:
        call = Call(attempted="inspect network", target="bridge")
        network = await gateway.get(call, "/networks/bridge")
    except NotFound:
        return None
    return parse_time(network.get("Created"))


def _looks_local(gateway: Gateway, hostname: str, root_dir: str) -> bool:
    """For those who may not look at the engine's process: a socket, our name, its folder."""
    return (
        urlsplit(gateway.address.url).scheme == "unix"
        and hostname == socket.gethostname()
        and bool(root_dir)
        and Path(root_dir).is_dir()
        and not Path("/.dockerenv").exists()
    )


async def _process(gateway: Gateway) -> EngineProcess | None:
    url = urlsplit(gateway.address.url)
    if url.scheme != "unix":
        return None
    with suppress(OSError, ValueError, IndexError):
        pid = await _listener(url.path)
        if _name(pid) != "dockerd":
            # systemd may hold the socket for the engine
            pid = int(_PID_FILE.read_text(encoding="ascii"))
            if _name(pid) != "dockerd":
                return None
        return EngineProcess(
            pid=pid, started_at=_started_at(pid), same_root=_same(f"/proc/{pid}/root", "/")
        )
    return None


async def _listener(path: str) -> int:
    """The process that listens on a Unix socket: the kernel names it to whoever connects."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        await loop.sock_connect(probe, path)
        peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", peer)[0]
    return pid


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() if pid > 0 else ""


def _started_at(pid: int) -> datetime:
    """Boot time (``btime`` of ``/proc/stat``) plus field 22 of ``/proc/PID/stat`` (proc(5)).

    Up to a second early, and the same at every look: restarts are told by comparing it.
    """
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    counters = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    boot_s = next(int(line.split()[1]) for line in counters if line.startswith("btime "))
    return datetime.fromtimestamp(boot_s + int(stat[19]) / os.sysconf("SC_CLK_TCK"), UTC)


def _same(one: str, other: str) -> bool:
    first, second = Path(one).stat(), Path(other).stat()
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
