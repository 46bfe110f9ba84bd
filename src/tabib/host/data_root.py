"""The folder of a data set on this machine: whether it is there, what is in it, whose it is.

Cheap: a few stats and at most one short read; only :func:`measuring` walks.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tabib.host.birth import birth_ns

MARKS = {
    "postgres": ("PG_VERSION", "global/pg_control"),
    "mysql": ("ibdata1", "mysql"),
    "redis": ("dump.rdb", "appendonlydir", "appendonly.aof"),
    "mongodb": ("WiredTiger", "storage.bson"),
}
"""Kind of data set → files of which there is always one at least while it is well."""
_UUID = re.compile(r"^\s*server[-_]uuid\s*=\s*([0-9a-fA-F-]{36})", re.MULTILINE)
_PASSING = re.compile(
    r"pg_wal$|pg_xlog$|base_tmp|pgsql_tmp|#innodb_|ib_logfile|ibtmp|(?:mysql-|mariadb-)?bin(?:log)?\.\d"
    r"|(?:relay|mysqld-relay)-bin\."
)
_AT_MOST = 4096
_CONTROL_VERSIONS = range(900, 3000)
"""PostgreSQL's ``pg_control`` formats: 8.3 has 833, 18 has 1800."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """``root``: ``device:inode``, and the time it was made where that is told."""

    there: bool
    root: str = ""
    empty: bool = False
    marks: tuple[str, ...] = ()
    database: str = ""
    since: datetime | None = None


def look(
    path: str, kind: str, inner: str = "", marks: Sequence[str] = (), *, now: datetime
) -> Root:
    """The folder as it is now. ``marks``: files to look for, relative to it.

    :raises OSError: it could not be looked at, which is not the same as gone.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Root(there=False)
    if not stat.S_ISDIR(found.st_mode):
        return Root(there=False)
    born = birth_ns(path)
    root = f"{found.st_dev}:{found.st_ino}" + (f":{born}" if born is not None else "")
    there = tuple(one for one in marks if os.path.lexists(os.path.join(path, one)))
    if kind == "sqlite":
        database, since = _born(path, there[0]) if there else ("", None)
    else:
        database, since = _database(os.path.join(path, inner), kind, now)
    return Root(
        there=True,
        root=root,
        empty=_empty(path),
        marks=there,
        database=database,
        since=since,
    )


def marks_of(kind: str, inner: str = "") -> tuple[str, ...]:
    """The files that tell a data set of ``kind``, relative to its root."""
    prefix = f"{inner.strip('/')}/" if inner.strip("/") else ""
    return tuple(f"{prefix}{one}" for one in MARKS.get(kind, ()))


def measuring(path: str, *, within_s: float, at_most: int) -> Iterator[tuple[int, int] | None]:
    """Count bytes and files below ``path``, a folder at a time: yields None, and at the end the two
    figures; no figures where there are more files than ``at_most``, or it takes longer than
    ``within_s``. Never follows links; databases' logs, which grow and go, are left out."""
    until = time.monotonic() + within_s
    size = count = 0
    folders = [path]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if _PASSING.match(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        continue
                    count += 1
                    size += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # what vanishes while it is counted
        if count > at_most or time.monotonic() > until:
            return
        yield None
    yield size, count


def _empty(path: str) -> bool:
    with os.scandir(path) as entries:
        # The file system's own folder is no data.
        return not any(entry.name != "lost+found" for entry in entries)


def _database(folder: str, kind: str, now: datetime) -> tuple[str, datetime | None]:
    """The database's own identity and when it was made; ``""``: it has none, or none that can be
    trusted (a damaged file must not look like another database)."""
    try:
        if kind == "postgres":
            return _postgres(os.path.join(folder, "global", "pg_control"), now)
        if kind == "mysql":
            return _mysql(folder)
    except OSError:
        return "", None
    return "", None


def _postgres(path: str, now: datetime) -> tuple[str, datetime | None]:
    """The system identifier: it begins with the second at which ``initdb`` made it."""
    with open(path, "rb") as file:
        head = file.read(12)
    if len(head) < 12:
        return "", None
    number, version = struct.unpack("=QI", head)
    seconds = number >> 32
    if version not in _CONTROL_VERSIONS or not 946_684_800 < seconds < now.timestamp() + 86_400:
        return "", None
    return str(number), datetime.fromtimestamp(seconds, UTC)


def _mysql(folder: str) -> tuple[str, datetime | None]:
    """MySQL's server uuid. MariaDB has none: there it is the birth of its system tablespace."""
    made, since = _born(folder, "ibdata1")
    cnf = Path(folder, "auto.cnf")
    if cnf.exists():
        with cnf.open("r", encoding="utf-8", errors="replace") as file:
            found = _UUID.search(file.read(_AT_MOST))
        return (found[1].lower() if found else "", since)
    return made, since


def _born(folder: str, name: str) -> tuple[str, datetime | None]:
    """What has no identity of its own is known by the birth of its file."""
    born = birth_ns(os.path.join(folder, name))
    if born is None:
        return "", None
    return f"{name} of {born}", datetime.fromtimestamp(born / 1e9, UTC)
