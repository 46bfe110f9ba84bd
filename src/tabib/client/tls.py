"""TLS over a socket, with a half-close that loses nothing.

``ssl.SSLSocket.unwrap`` reads while it says goodbye, and drops what the other side still sends
(seen as APPLICATION_DATA_AFTER_CLOSE_NOTIFY). Through memory buffers the goodbye is written alone.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

_RECORD_BYTES = 16_384
_BLOCK_BYTES = 65_536


class TlsSocket:
    """The few calls of a socket that streams need; blocking or not, as the socket below is.

    Handshakes in the constructor.

    :raises OSError: also ``ssl.SSLError``: the other side is not trusted, or does not speak TLS.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._unsent = b""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self._feed()
            else:
                break
        self.flush()

    @property
    def unsent(self) -> bool:
        """Encrypted bytes wait for :meth:`flush`, which is due when the socket is writable."""
        return bool(self._unsent)

    def pending(self) -> int:
        """Bytes that can be had without the socket becoming readable."""
        return self._tls.pending() + self._incoming.pending

    def recv(self, size: int) -> bytes:
        """:raises BlockingIOError: nothing is there yet, on a socket that does not block."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def send(self, data: bytes) -> int:
        """As much as fits; :raises BlockingIOError: nothing does."""
        if self._unsent:
            self.flush()
            if self._unsent:
                raise BlockingIOError
        count = self._tls.write(data[:_RECORD_BYTES])
        self.flush()
        return count

    def sendall(self, data: bytes) -> None:
        while data:
            data = data[self.send(data) :]

    def flush(self) -> None:
        """Hand encrypted bytes to the socket, as many as it takes."""
        self._unsent += self._outgoing.read()
        with suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]

    def end_input(self) -> None:
        """Send ``close_notify``; the other side's output goes on."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self.flush()

    def fileno(self) -> int:
        return self._sock.fileno()

    def settimeout(self, seconds: float | None) -> None:
        self._sock.settimeout(seconds)

    def setblocking(self, blocking: bool) -> None:
        self._sock.setblocking(blocking)

    def close(self) -> None:
        self._sock.close()

    def _feed(self) -> None:
        data = self._sock.recv(_BLOCK_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
