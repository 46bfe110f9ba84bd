"""Netlink messages and attributes, as far as the streams need them.

Source: ``netlink(7)``, ``linux/netlink.h``, ``linux/genetlink.h``. All in the machine's byte order.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Iterator

ERROR = 2
"""NLMSG_ERROR: a refusal, or with code 0 the acknowledgement."""
HEADER_BYTES = 16
GENERIC_BYTES = 20
"""Header of the message and of generic netlink."""
_REQUEST, _ACKNOWLEDGE = 0x1, 0x4
_SO_RCVBUFFORCE = 33
_TYPE_MASK = 0x3FFF
_PATIENCE_MS = 500
"""The kernel answers while the request is sent, or at the next turn of its work queue."""

_message = struct.Struct("=IHHII")
_attribute = struct.Struct("=HH")
_short = struct.Struct("=H")


def attribute(kind: int, data: bytes) -> bytes:
    length = _attribute.size + len(data)
    return _attribute.pack(length, kind) + data + bytes(-length % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each attribute; stops at what is cut off."""
    start = 0
    while start + _attribute.size <= len(data):
        length, kind = _attribute.unpack_from(data, start)
        if length < _attribute.size:
            return
        yield kind & _TYPE_MASK, data[start + _attribute.size : start + length]
        start += (length + 3) & ~3


def generic(family: int, command: int, content: bytes, *, acknowledge: bool = False) -> bytes:
    """A request of generic netlink."""
    flags = _REQUEST | (_ACKNOWLEDGE if acknowledge else 0)
    body = struct.pack("=BBH", command, 1, 0) + content
    return _message.pack(HEADER_BYTES + len(body), family, flags, 1, 0) + body


def message(kind: int, body: bytes) -> bytes:
    return _message.pack(HEADER_BYTES + len(body), kind, 0, 0, 0) + body


def kind_of(data: bytes) -> int:
    """The type of a received message."""
    return int(_short.unpack_from(data, 4)[0])


def refusal(data: bytes) -> int:
    """The error number of an error message; 0: it acknowledges."""
    return -int(struct.unpack_from("=i", data, HEADER_BYTES)[0])


def open_socket(kind: int, protocol: int, buffer_bytes: int) -> socket.socket:
    """A netlink socket that does not block; as large a receive buffer as may be had.

    :raises OSError: the kernel has no such protocol here.
    """
    opened = socket.socket(socket.AF_NETLINK, kind | socket.SOCK_CLOEXEC, protocol)
    opened.setblocking(False)
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
    except OSError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    return opened


def receive(opened: socket.socket, size: int = 65536) -> bytes:
    """The next message; waits for it for half a second.

    :raises OSError: ETIMEDOUT where none came.
    """
    poll = select.poll()
    poll.register(opened, select.POLLIN)
    if not poll.poll(_PATIENCE_MS):
        raise OSError(errno.ETIMEDOUT, "the kernel does not answer")
    return opened.recv(size)
