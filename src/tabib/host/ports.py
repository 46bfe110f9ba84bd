"""Who holds a port of this machine.

Sources: ``proc(5)`` for ``/proc/net/{tcp,udp}{,6}`` and ``/proc/<pid>/fd``; moby's
``cmd/docker-proxy`` for its options.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"
"""TCP_LISTEN; a UDP socket that is bound has no such state: every one counts."""
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_ANY = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortHolder:
    """A socket that holds a port, and as much of its owner as this process may see."""

    port: int
    protocol: str
    address: str
    """The local address, ``0.0.0.0`` or ``::`` for all."""
    pid: int | None = None
    """None: unknown, it belongs to another user and this process is not root."""
    command: str = "unknown"
    """The process's short name, e.g. ``nginx`` or ``docker-proxy``."""
    container_id: str = ""
    """The container that the process runs in; for docker-proxy see ``container_address``."""
    container_address: str = ""
    """For docker-proxy: the container's address, by which the engine finds it."""
    container_port: int = 0

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"{self.command} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class _Socket:
    address: str
    port: int
    inode: int


def port_holder(
    port: int, protocol: str = "tcp", host_ip: str = "", *, proc: Path = _PROC
) -> PortHolder | None:
    """Who is in the way of publishing ``port`` on ``host_ip`` (``""``: all); None: nobody.

    Reads ``proc`` only, never opens a socket. Blocks: about 10 ms for 500 processes.
    """
    for socket in _sockets(protocol, proc):
        if socket.port == port and _overlap(socket.address, host_ip):
            return _identify(socket, protocol, proc)
    return None


def _sockets(protocol: str, proc: Path) -> Iterator[_Socket]:
    for name in (protocol, f"{protocol}6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if protocol == "tcp" and fields[3] != _LISTENING:
                continue
            address, _, port = fields[1].partition(":")
            yield _Socket(_address(address), int(port, 16), int(fields[9]))


def _address(text: str) -> str:
    """The kernel prints addresses as 32-bit words in the machine's own byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    if len(packed) == 4:
        return str(ipaddress.IPv4Address(packed))
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def _overlap(held: str, wanted: str) -> bool:
    return wanted in ("", held, *_ANY) or held in _ANY


def _identify(socket: _Socket, protocol: str, proc: Path) -> PortHolder:
    pid = _owner(socket.inode, proc)
    if pid is None:
        return PortHolder(port=socket.port, protocol=protocol, address=socket.address)
    arguments = _read(proc / str(pid) / "cmdline").split("\0")
    command = _read(proc / str(pid) / "comm").strip() or "unknown"
    proxied = _options(arguments) if command == "docker-proxy" else {}
    container_port = proxied.get("container-port", "")
    found = _CONTAINER_ID.search(_read(proc / str(pid) / "cgroup"))
    return PortHolder(
        port=socket.port,
        protocol=protocol,
        address=socket.address,
        pid=pid,
        command=command,
        container_id=found[0] if found else "",
        container_address=proxied.get("container-ip", ""),
        container_port=int(container_port) if container_port.isdigit() else 0,
    )


def _owner(inode: int, proc: Path) -> int | None:
    """The lowest pid with the socket open: the parent, where workers inherited it."""
    target = f"socket:[{inode}]"
    pids = sorted(int(name) for name in os.listdir(proc) if name.isdigit())
    return next((pid for pid in pids if target in _targets(proc / str(pid) / "fd")), None)


def _targets(folder: Path) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        # It ended meanwhile, or is another user's.
        return
    for name in names:
        try:
            yield os.readlink(folder / name)
        except OSError:
            continue


def _options(arguments: list[str]) -> dict[str, str]:
    """``-name value`` pairs, as Go's flag package takes them."""
    pairs = itertools.pairwise(arguments)
    return {name.lstrip("-"): value for name, value in pairs if name.startswith("-")}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
