"""Taskstats: what each task used, told at its exit.

Source: ``Documentation/accounting/taskstats.rst``, ``taskstats-struct.rst``, ``linux/taskstats.h``
(fields are only ever added at the end). Needs CAP_NET_ADMIN in the first user namespace.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from pathlib import Path

from tabib.host.processes import netlink
from tabib.host.processes.threads import Threads
from tabib.model.process import KernelEvent, Usage

NAME = "taskstats"
_GENERIC, _CONTROL = 16, 16
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
_COMMAND_GET, _REGISTER = 1, 3
_PID, _TGID, _STATS, _OF_PID, _OF_TGID = 1, 2, 3, 4, 5
_LAST_FLAG = 0x20
"""AGROUP: the last task of its process. Since version 12, as is the process's id."""
_MESSAGE_BYTES = 8192

_figures = struct.Struct("=Q32s8x4I8x8Q40x2Q")
"""Nanoseconds on a processor, name, uid, gid, pid, ppid; from elapsed time to the peak of resident
memory; bytes read and written at the storage."""
_head = struct.Struct("=H2xIB")
"""Version, exit code, flags."""
_FIGURES_AT, _TGID_AT = 72, 368
_BYTES_OF_14 = 432
_DELAYS = 8
_word = struct.Struct("=I")


class Taskstats:
    """One listening socket, for all processors. Opening raises :class:`OSError`."""

    def __init__(self, buffer_bytes: int, threads: Threads) -> None:
        self._socket = netlink.open_socket(socket.SOCK_RAW, _GENERIC, buffer_bytes)
        self._threads = threads
        try:
            self._socket.bind((0, 0))
            family = self._family()
            mask = attribute_of_mask()
            request = netlink.generic(family, _COMMAND_GET, mask, acknowledge=True)
            self._socket.send(request)
            code = netlink.refusal(self._answer(netlink.ERROR))
            if code:
                raise OSError(code, os.strerror(code))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self, limit: int) -> tuple[list[KernelEvent], bool]:
        """Up to ``limit`` messages' events, and whether there may be more."""
        found: list[KernelEvent] = []
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        receive = self._socket.recv
        for _ in range(limit):
            try:
                data = receive(_MESSAGE_BYTES)
            except BlockingIOError:
                return found, False
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found.append(KernelEvent("lost", now_ns, 0, text=NAME))
                continue
            found += parse(data, now_ns, self._threads)
        return found, True

    def close(self) -> None:
        # The kernel forgets a listener with its socket.
        self._socket.close()

    def _family(self) -> int:
        name = netlink.attribute(_FAMILY_NAME, b"TASKSTATS\0")
        self._socket.send(netlink.generic(_CONTROL, _GET_FAMILY, name))
        data = netlink.receive(self._socket)
        if netlink.kind_of(data) == netlink.ERROR:
            raise OSError(errno.ENOENT, "the kernel has no taskstats")
        found = dict(netlink.attributes(data[netlink.GENERIC_BYTES :]))
        return int(struct.unpack("=H", found[_FAMILY_ID])[0])

    def _answer(self, kind: int) -> bytes:
        """The next message of a kind; exits that come first are let go."""
        while True:
            data = netlink.receive(self._socket)
            if netlink.kind_of(data) == kind:
                return data


def attribute_of_mask(cpus: Path = Path("/sys/devices/system/cpu/possible")) -> bytes:
    """The request to listen on every processor, also those that are plugged in later."""
    try:
        mask = cpus.read_text().strip()
    except OSError:
        mask = f"0-{(os.cpu_count() or 1) - 1}"
    return netlink.attribute(_REGISTER, mask.encode() + b"\0")


def parse(data: bytes, now_ns: int, threads: Threads) -> list[KernelEvent]:
    """The event in a message of the exit listener, none where it carries no figures."""
    if netlink.kind_of(data) <= netlink.ERROR:
        return []
    found: list[KernelEvent] = []
    group = 0
    stats = b""
    for kind, content in netlink.attributes(data[netlink.GENERIC_BYTES :]):
        inner = dict(netlink.attributes(content))
        if kind == _OF_PID:
            stats = inner.get(_STATS, b"")
        elif kind == _OF_TGID:
            group = _word.unpack_from(inner.get(_TGID, bytes(4)))[0]
    if len(stats) >= _FIGURES_AT + _figures.size:
        found.append(_event(stats, group, now_ns, threads))
    return found


def _event(stats: bytes, group: int, now_ns: int, threads: Threads) -> KernelEvent:
    version, exit_code, flags = _head.unpack_from(stats)
    # Linux 6.14 and 6.15 put the extremes of each delay beside it; later ones put them at the end.
    moved = version <= 15 and len(stats) > _BYTES_OF_14
    extremes = (len(stats) - _BYTES_OF_14) // _DELAYS if moved else 0
    fields = _figures.unpack_from(stats, _FIGURES_AT + 3 * extremes)
    cpu_ns, name, uid, _, pid, ppid = fields[:6]
    elapsed_us, user_us, system_us = fields[6:9]
    peak_kib, read_bytes, written_bytes = fields[13:16]
    at = _TGID_AT + 6 * extremes
    if version >= 12 and len(stats) >= at + _word.size:
        tgid, last = _word.unpack_from(stats, at)[0], bool(flags & _LAST_FLAG)
        threads.ended(pid)
    else:
        tgid, last = threads.ended(pid)
        tgid, last = group or tgid, last or bool(group)
    usage = Usage(
        name=name.split(b"\0", 1)[0].decode(errors="replace"),
        uid=uid,
        ppid=ppid,
        # The sum of user and system time counts in ticks.
        cpu_us=cpu_ns // 1000 or user_us + system_us,
        peak_memory_bytes=peak_kib * 1024,
        read_bytes=read_bytes,
        written_bytes=written_bytes,
        exit_code=exit_code,
        elapsed_us=elapsed_us,
        last_of_group=last,
    )
    return KernelEvent("usage", now_ns, pid, tgid, usage=usage)
