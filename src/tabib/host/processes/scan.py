"""Processes as ``/proc`` shows them. Source: ``proc(5)``.

Reads are made for speed: one ``open``, ``read``, ``close`` each, no text layer.
"""

from __future__ import annotations

import os

from tabib.host.processes.connector import command_line
from tabib.host.processes.container_id import container_of
from tabib.model.process import Look

_TICKS = os.sysconf("SC_CLK_TCK")
_TICK_NS = 1_000_000_000 // _TICKS
_TICK_US = 1_000_000 // _TICKS


def look(pid: int, container_id: str | None = None) -> Look | None:
    """One process; None where it is gone. ``container_id``: where the caller knows it."""
    status = _read(pid, "status")
    stat = _read(pid, "stat")
    if not stat or not status:
        return None
    if container_id is None:
        container_id = container_of(_read(pid, "cgroup").decode(errors="replace"))
    begin, end = stat.index(b"("), stat.rindex(b")")
    # From the third field on: state, ppid, … utime (14), stime (15), threads (20), start (22).
    fields = stat[end + 2 :].split()
    figures = _figures(status)
    io = _figures(_read(pid, "io"))
    return Look(
        pid=pid,
        ppid=int(fields[1]),
        start_ns=int(fields[19]) * _TICK_NS,
        name=stat[begin + 1 : end].decode(errors="replace"),
        command=command_line(pid) or (),
        uid=int(figures.get(b"Uid", b"0").split()[1 if b"Uid" in figures else 0]),
        container_id=container_id,
        cpu_us=(int(fields[11]) + int(fields[12])) * _TICK_US,
        peak_memory_bytes=_kib(figures.get(b"VmHWM")),
        memory_bytes=_kib(figures.get(b"VmRSS")),
        threads=int(fields[17]),
        state=fields[0].decode(),
        read_bytes=int(io.get(b"read_bytes", b"0")),
        written_bytes=int(io.get(b"write_bytes", b"0")),
    )


def scan() -> list[Look]:
    """All processes that are in containers."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        pid = int(name)
        container_id = container_of(_read(pid, "cgroup").decode(errors="replace"))
        seen = look(pid, container_id) if container_id else None
        if seen is not None:
            found.append(seen)
    return found


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since the boot; 0: it is gone."""
    stat = _read(pid, "stat")
    return int(stat[stat.rindex(b")") + 2 :].split()[19]) if stat else 0


def process_of(tid: int) -> int:
    """The process that a thread belongs to; 0: it is gone."""
    return int(_figures(_read(tid, "status")).get(b"Tgid", b"0"))


def name_of(pid: int) -> str:
    """The short name of a thread or process; empty: it is gone."""
    return _read(pid, "comm").decode(errors="replace").rstrip("\n")


def _figures(text: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in text.split(b"\n"))
    return {name: value for name, _, value in pairs}


def _kib(text: bytes | None) -> int:
    return int(text.split()[0]) * 1024 if text else 0


def _read(pid: int, file: str) -> bytes:
    """Empty where the process is gone, or we may not."""
    try:
        descriptor = os.open(f"/proc/{pid}/{file}", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 8192)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
