"""A process that looks into SQLite files, or keeps a read transaction open on them.

``python -m tabib.host.sqlite_holder ROOT FILE...``, with commands on its input and an answer of one
line of JSON to each; at the end of input it lets go, so nothing stays locked when its parent dies.
It is a process of its own because a lock of the kernel's (``fcntl``) is lost as soon as anything in
the same process closes the same file, and because a damaged file should harm nobody else.

Commands: ``modes`` (is it in WAL mode? asks the file, not SQLite), ``hold`` (begin to read),
``headers`` (of the write-ahead logs: they change where a log begins anew), ``count`` (tables, as
the transaction sees them), ``release``, ``integrity``.

Files are opened to read. SQLite gives what it makes beside a database (``-shm``, ``-wal``) to the
database's owner when it runs as root; nothing is checkpointed when it is closed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from hashlib import blake2b
from typing import Any

import apsw

BUSY_MS = 10_000
COUNT_S = 20.0
"""For all files together."""
DIGESTED_BYTES = 64 * 1024**2
_HEADER_BYTES = 32
_WAL = 2
_MODULUS = 2**64
_MOST_ERRORS = 5


class Holder:
    """The files below ``root``, by their names in it."""

    def __init__(self, root: str, files: list[str]) -> None:
        self._root = os.path.realpath(root)
        self._files = files
        self._open: dict[str, apsw.Connection] = {}
        self._until = 0.0

    def answer(self, command: str) -> dict[str, Any]:
        """The answer to ``command``: file → what was found, or ``{"error": words}``."""
        work = getattr(self, f"_{command}")
        self._until = time.monotonic() + COUNT_S
        found: dict[str, Any] = {}
        for name in self._files:
            try:
                found[name] = work(name)
            except (OSError, apsw.Error, ValueError) as error:
                found[name] = {"error": f"{type(error).__name__}: {error}"}
        return found

    def _path(self, name: str) -> str:
        """
        :raises ValueError: it leads out of the place.
        """
        path = os.path.realpath(os.path.join(self._root, name))
        if os.path.commonpath((path, self._root)) != self._root:
            raise ValueError("it is a link that leads elsewhere")
        return path

    def _modes(self, name: str) -> dict[str, Any]:
        with open(self._path(name), "rb") as file:
            header = file.read(20)
        return {"wal": len(header) == 20 and header[18] == _WAL}

    def _hold(self, name: str) -> dict[str, Any]:
        connection = self._connection(name)
        connection.execute("begin")
        connection.execute("select count(*) from sqlite_schema").fetchall()
        return {"held": True}

    def _release(self, name: str) -> dict[str, Any]:
        connection = self._open.pop(name, None)
        if connection is not None:
            connection.close(True)
        return {}

    def _headers(self, name: str) -> dict[str, Any]:
        try:
            with open(self._path(name) + "-wal", "rb") as file:
                return {"header": file.read(_HEADER_BYTES).hex()}
        except FileNotFoundError:
            return {"header": ""}

    def _count(self, name: str) -> dict[str, Any]:
        connection = self._connection(name)
        small = os.path.getsize(self._path(name)) <= DIGESTED_BYTES
        tables = connection.execute(
            "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%'"
            " escape '\\' and sql not like 'create virtual%' order by 1"
        ).fetchall()
        found = {}
        connection.set_progress_handler(lambda: time.monotonic() > self._until, 10_000)
        try:
            for (table,) in tables:
                found[str(table)] = _table(connection, str(table), digest=small)
        except apsw.InterruptError:
            pass  # what was counted by then stands
        finally:
            connection.set_progress_handler(None)
        return {"tables": found}

    def _integrity(self, name: str) -> dict[str, Any]:
        if os.path.getsize(self._path(name)) == 0:
            return {"wrong": ["the file is empty"]}
        connection = self._connection(name)
        rows = connection.execute(f"pragma integrity_check({_MOST_ERRORS})").fetchall()
        lines = [str(row[0]) for row in rows]
        return {"wrong": [] if lines == ["ok"] else lines}

    def _connection(self, name: str) -> apsw.Connection:
        if name not in self._open:
            connection = apsw.Connection(self._path(name), flags=apsw.SQLITE_OPEN_READONLY)
            connection.set_busy_timeout(BUSY_MS)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            self._open[name] = connection
        return self._open[name]


def _table(connection: apsw.Connection, table: str, *, digest: bool) -> dict[str, Any]:
    quoted = '"' + table.replace('"', '""') + '"'
    if not digest:
        rows = connection.execute(f"select count(*) from {quoted}").fetchall()
        return {"rows": rows[0][0], "digest": ""}
    count = total = 0
    for row in connection.execute(f"select * from {quoted}"):
        count += 1
        total += int.from_bytes(blake2b(repr(row).encode(), digest_size=8).digest())
    return {"rows": count, "digest": f"{total % _MODULUS:x}"}


def main() -> None:
    """Answer commands until the end of input."""
    holder = Holder(sys.argv[1], sys.argv[2:])
    for line in sys.stdin:
        print(json.dumps(holder.answer(line.strip())), flush=True)


if __name__ == "__main__":
    main()
