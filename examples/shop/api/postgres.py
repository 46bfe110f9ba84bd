"""A PostgreSQL client in the standard library alone: protocol 3, SCRAM-SHA-256, text values.

It exists so that the shop runs on a stock Python image, with nothing to build or to install.
A real application takes a real driver.
"""

import base64
import hashlib
import hmac
import secrets
import socket
import struct


class PostgresError(OSError):
    """PostgreSQL refused something; the message is its own."""


class Postgres:
    """One connection; `query` runs one statement with parameters and gives rows of text."""

    def __init__(
        self, host: str, user: str, password: str, database: str, timeout: float = 2.0
    ) -> None:
        self._socket = socket.create_connection((host, 5432), timeout)
        self._file = self._socket.makefile("rb")
        self._password = password
        options = f"user\0{user}\0database\0{database}\0\0".encode()
        self._socket.sendall(struct.pack("!ii", len(options) + 8, 196608) + options)
        self._log_in()

    def query(self, text: str, *values: str) -> list[list[str | None]]:
        """Run one statement (`$1`, `$2` … stand for `values`). Raises PostgresError, OSError."""
        bound = struct.pack("!h", len(values))
        for value in values:
            raw = value.encode()
            bound += struct.pack("!i", len(raw)) + raw
        self._send(b"P", b"\0" + text.encode() + b"\0" + struct.pack("!h", 0))
        self._send(b"B", b"\0\0" + struct.pack("!h", 0) + bound + struct.pack("!h", 0))
        self._send(b"E", b"\0" + struct.pack("!i", 0))
        self._send(b"S", b"")
        rows: list[list[str | None]] = []
        failure = None
        while True:
            kind, body = self._receive()
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                failure = _error(body)
            elif kind == b"Z":
                if failure:
                    raise failure
                return rows

    def close(self) -> None:
        """Say goodbye and close the connection."""
        try:
            self._send(b"X", b"")
        except OSError:
            pass  # it is gone already
        self._file.close()
        self._socket.close()

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._file.read(5)
        if len(head) < 5:
            raise ConnectionError("PostgreSQL closed the connection")
        (size,) = struct.unpack("!i", head[1:])
        return head[:1], self._file.read(size - 4)

    def _log_in(self) -> None:
        scram = _Scram(self._password)
        while True:
            kind, body = self._receive()
            if kind == b"E":
                raise _error(body)
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            (step,) = struct.unpack("!i", body[:4])
            if step == 10:
                first = scram.first()
                self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
            elif step == 11:
                self._send(b"p", scram.proof(body[4:]))
            elif step == 12:
                scram.verify(body[4:])
            elif step != 0:
                raise PostgresError(f"PostgreSQL asks for a log-in of kind {step}")


class _Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677)."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._bare = b"n=,r=" + base64.b64encode(secrets.token_bytes(18))
        self._signature = b""

    def first(self) -> bytes:
        return b"n,," + self._bare

    def proof(self, server_first: bytes) -> bytes:
        fields = dict(field.split(b"=", 1) for field in server_first.split(b","))
        rounds = int(fields[b"i"])
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password, base64.b64decode(fields[b"s"]), rounds
        )
        final = b"c=biws,r=" + fields[b"r"]
        signed = b",".join((self._bare, server_first, final))
        key = hmac.digest(salted, b"Client Key", "sha256")
        mask = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        self._signature = hmac.digest(
            hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256"
        )
        proof = bytes(a ^ b for a, b in zip(key, mask, strict=True))
        return final + b",p=" + base64.b64encode(proof)

    def verify(self, server_final: bytes) -> None:
        if server_final != b"v=" + base64.b64encode(self._signature):
            raise PostgresError("the server does not know the password: not our database")


def _row(body: bytes) -> list[str | None]:
    (count,) = struct.unpack("!h", body[:2])
    at, row = 2, list[str | None]()
    for _ in range(count):
        (size,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        row.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return row


def _error(body: bytes) -> PostgresError:
    fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
    return PostgresError(f"{fields.get(b'S', 'ERROR')}: {fields.get(b'M', '?')}")
