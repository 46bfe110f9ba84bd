"""The proc connector: fork, exec, exit, name and user of every process, as they happen.

Source: ``linux/cn_proc.h``, ``linux/connector.h``. Needs CAP_NET_ADMIN in the host's network, pid
and user namespaces. Each message is one event; a full buffer is told once as ENOBUFS.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Callable

from tabib.host.processes import netlink
from tabib.model.process import KernelEvent

NAME = "proc connector"
_PROTOCOL = 11
_GROUP = 1
"""CN_IDX_PROC, also the connector's index; its value is 1 too."""
_LISTEN, _IGNORE = 1, 2
_DONE = 3
_NONE, _FORK, _EXEC, _UID, _COMM, _EXIT = 0, 1, 2, 4, 0x200, 0x80000000
_BODY = netlink.HEADER_BYTES + 20
"""Where the event stands: after the message's header and the connector's."""
_COMMAND_BYTES = 16384
_MESSAGE_BYTES = 512

OnThread = Callable[[int, int], None]

_event = struct.Struct("=IIQIIIII")
"""what, cpu, timestamp_ns, and five words of its data; shorter ones are filled with zeros."""


class Connector:
    """One listening socket. Opening raises :class:`OSError` with the kernel's refusal."""

    def __init__(self, buffer_bytes: int, on_thread: OnThread | None = None) -> None:
        self.read_commands = True
        """Whether to read the arguments at each ``exec``; not where another stream tells them."""
        self._on_thread = on_thread
        self._socket = netlink.open_socket(socket.SOCK_DGRAM, _PROTOCOL, buffer_bytes)
        try:
            self._socket.bind((0, _GROUP))
            self._ask(_LISTEN)
            self._acknowledged()
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self, limit: int) -> tuple[list[KernelEvent], bool]:
        """Up to ``limit`` messages' events of processes, and whether there may be more."""
        found: list[KernelEvent] = []
        offset_ns = boot_offset_ns()
        receive = self._socket.recv
        for _ in range(limit):
            try:
                data = receive(_MESSAGE_BYTES)
            except BlockingIOError:
                return found, False
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found.append(KernelEvent("lost", time.clock_gettime_ns(_BOOT), 0, text=NAME))
                continue
            event = parse(data, offset_ns, self._on_thread, self.read_commands)
            if event is not None:
                found.append(event)
        return found, True

    def close(self) -> None:
        try:
            self._ask(_IGNORE)
        except OSError:
            pass
        self._socket.close()

    def _ask(self, operation: int) -> None:
        body = struct.pack("=IIIIHHI", _GROUP, 1, 0, 0, 4, 0, operation)
        self._socket.send(netlink.message(_DONE, body))

    def _acknowledged(self) -> None:
        """The kernel answers a request with an event of its own, among others."""
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            data = netlink.receive(self._socket)
            what, _, _, code = struct.unpack_from("=IIQI", data, _BODY)
            if what == _NONE:
                if code:
                    raise OSError(code, os.strerror(code))
                return
        raise OSError(errno.ETIMEDOUT, "the kernel does not acknowledge")


_BOOT = time.CLOCK_BOOTTIME


def boot_offset_ns() -> int:
    """What CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC: the time that the machine was suspended."""
    ahead = time.clock_gettime_ns(_BOOT) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    # Between the two readings some time passes; only a suspension counts.
    return ahead if ahead > 1_000_000 else 0


def parse(
    data: bytes,
    offset_ns: int = 0,
    on_thread: OnThread | None = None,
    read_commands: bool = True,
) -> KernelEvent | None:
    """One message of the connector; None for what is not told further (threads, sessions).
    ``on_thread`` hears of new threads: task and process.

    At an ``exec`` the arguments are read at once: a process may live for less than a millisecond.
    """
    if len(data) < _BODY + 24:
        return None
    what, _, at_ns, one, two, three, four, _ = _event.unpack_from(
        data.ljust(_BODY + 36, b"\0"), _BODY
    )
    at_ns += offset_ns
    if what == _FORK:
        # Parent's task and process, child's task and process.
        if three == four:
            return KernelEvent("fork", at_ns, three, three, two)
        if on_thread is not None:
            on_thread(three, four)
        return None
    if one != two:
        return None
    if what == _EXIT:
        return KernelEvent("exit", at_ns, one, one, number=three)
    if what == _EXEC:
        command = command_line(one) if read_commands else None
        return KernelEvent("exec", at_ns, one, one, command=command)
    if what == _UID:
        return KernelEvent("uid", at_ns, one, one, number=four)
    if what == _COMM:
        text = data[_BODY + 24 : _BODY + 40].split(b"\0", 1)[0].decode(errors="replace")
        return KernelEvent("comm", at_ns, one, one, text=text)
    return None


def command_line(pid: int) -> tuple[str, ...] | None:
    """The arguments of a process, at most 16 KiB of them; None where it is gone or has none.

    Of a longer line the last argument, which is cut, is left out: it may be half a secret.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/cmdline", os.O_RDONLY)
    except OSError:
        return None
    try:
        data = os.read(descriptor, _COMMAND_BYTES)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if not data:
        return None
    parts = data.decode(errors="replace").split("\0")
    if len(data) == _COMMAND_BYTES:
        return (*parts[:-1], "…")
    return tuple(parts[:-1] if parts[-1] == "" else parts)
