"""Connections to a daemon: ``unix:///path`` or ``http://host:port``, by ``http.client``."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tabib.model.errors import UsageError

_SUN_PATH_MAX = 107
"""Bytes of a socket path that fit ``sockaddr_un`` on Linux (unix(7)), without the final NUL."""


@dataclass(frozen=True, slots=True)
class DaemonAddress:
    """Where a daemon listens. ``path`` for Unix sockets, else ``host`` and ``port``."""

    url: str
    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def local(self) -> bool:
        return bool(self.path)


def parse_address(url: str) -> DaemonAddress:
    """The address in ``--host`` or ``TABIB_HOST``.

    :raises UsageError: the scheme is not ``unix``, ``http`` or ``tcp``, or a part is missing.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return DaemonAddress(url=url, path=parts.path)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme in ("http", "tcp") and host and port and parts.path in ("", "/"):
        return DaemonAddress(url=url, host=host, port=port)
    raise UsageError(
        "not an address of a tabib daemon",
        attempted="read --host",
        target=repr(url),
        advice="Write unix:///path/to/tabib.sock or http://host:port.",
    )


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket; paths longer than the kernel's limit work too."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = connect_unix(self._path, self.timeout)


def connect_unix(path: str, timeout: float | None) -> socket.socket:
    """A connected stream socket.

    :raises OSError: as ``connect(2)``; :class:`TimeoutError` where nobody accepts in time.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    folder = -1
    try:
        if len(os.fsencode(path)) > _SUN_PATH_MAX:
            # A long path is reached through an open descriptor of its folder.
            folder = os.open(os.path.dirname(path), os.O_PATH | os.O_CLOEXEC)
            path = f"/proc/self/fd/{folder}/{os.path.basename(path)}"
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return sock


def dial(address: DaemonAddress, timeout: float | None) -> HTTPConnection:
    """An HTTP connection to ``address``, not yet connected; ``timeout`` in seconds."""
    if address.local:
        return UnixConnection(address.path, timeout)
    return HTTPConnection(address.host, address.port, timeout=timeout)


def nobody_listens(error: OSError) -> bool:
    """Whether ``error`` of a connect says that there is no daemon (rather than no right)."""
    return error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)


def close_quietly(connection: HTTPConnection) -> None:
    """Close, whatever state it is in."""
    with suppress(OSError):
        connection.close()
