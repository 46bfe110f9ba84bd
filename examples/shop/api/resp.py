"""A Redis client in a few lines: one connection, one command at a time."""

import socket


class Redis:
    """One connection; `call` sends a command and gives an int, a str or None."""

    def __init__(self, host: str, port: int = 6379, timeout: float = 2.0) -> None:
        self._socket = socket.create_connection((host, port), timeout)
        self._file = self._socket.makefile("rb")

    def call(self, *words: str) -> int | str | None:
        """Send one command. Raises OSError when the connection or Redis itself fails."""
        parts = [word.encode() for word in words]
        request = b"*%d\r\n" % len(parts)
        request += b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(request)
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise OSError(f"Redis says: {rest.decode()}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._file.read(size + 2)[:-2].decode()
        return rest.decode()

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()
