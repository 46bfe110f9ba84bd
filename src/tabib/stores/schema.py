"""Opening a SQLite file: version of the library, settings, integrity and migrations."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import apsw

from tabib import __version__
from tabib.model.errors import StateUnusable
from tabib.stores.files import sync_folder
from tabib.stores.trouble import from_os, from_sqlite, unusable

_FIRST_SOUND_SQLITE = (3, 51, 3)
_BUSY_TIMEOUT_MS = 5_000
_CHECK_ALWAYS_BYTES = 8 * 1024 * 1024
"""Below it a full check costs under 20 ms, so it is made each time."""
_SIDE_FILES = ("", "-wal", "-shm")
_DAMAGE = (apsw.CorruptError, apsw.NotADBError)


def require_sound_sqlite(version: str) -> None:
    """Refuse a SQLite that can corrupt a WAL file: 3.7.0 to 3.51.2 reset it under a reader.

    :raises StateUnusable: code ``sqlite``.
    """
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers < _FIRST_SOUND_SQLITE:
        raise StateUnusable(
            f"it can corrupt its own files; {'.'.join(map(str, _FIRST_SOUND_SQLITE))} does not",
            attempted="use SQLite",
            target=version,
            advice="Install tabib anew with its pinned apsw, which brings its own SQLite.",
            details={"code": "sqlite", "version": version},
        )


def open_writer(path: Path, migrations: Sequence[str], *, durable: bool = True) -> apsw.Connection:
    """Open or create ``path``, checked and migrated, ready for one writer.

    ``durable``: commits outlive a power cut, and a file that was not closed is read as a whole
    first; without it they outlive the end of the process only, and only a small file is read.
    A damaged file is moved aside under ``<name>.damaged-<n>`` with its WAL, never deleted.

    :raises StateUnusable: any of the codes of :mod:`tabib.stores.trouble`.
    """
    require_sound_sqlite(apsw.sqlite_lib_version())
    try:
        unclean = _prepare_file(path)
    except OSError as error:
        raise from_os(error, path, attempted="open") from error
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        _settle(connection, path, len(migrations), durable)
        if (unclean and durable) or path.stat().st_size <= _CHECK_ALWAYS_BYTES:
            check(connection)
        _migrate(connection, migrations)
    except apsw.Error as error:
        raise _could_not_open(error, path, connection) from error
    except StateUnusable:
        if connection is not None:
            connection.close()
        raise
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that cannot write; the file must be open by a writer already."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
    return connection


def check(connection: apsw.Connection) -> None:
    """Read every page.

    :raises apsw.CorruptError: a page is not what it should be.
    """
    verdict = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    if verdict != ["ok"]:
        raise apsw.CorruptError("; ".join(verdict))


def set_aside(path: Path) -> Path:
    """Rename a damaged file and its WAL; where it is now. Nothing is deleted or overwritten."""
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    kept = path.with_name(f"{path.name}.damaged-{number}")
    for side in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(kept.with_name(kept.name + side))
    sync_folder(path.parent)
    return kept


def _prepare_file(path: Path) -> bool:
    """Create the file with tight rights; True where the last writer did not close it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        sync_folder(path.parent)
    return path.with_name(path.name + "-wal").exists()


def _settle(connection: apsw.Connection, path: Path, known: int, durable: bool) -> None:
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
    version = int(connection.pragma("user_version"))
    if version > known:
        raise _newer(connection, path, version, known)
    if connection.pragma("journal_mode") != "wal":
        if connection.pragma("page_count") == 0:
            connection.pragma("auto_vacuum", 2)
        connection.pragma("journal_mode", "wal")
    # FULL: in WAL mode anything less may lose the last commits to a power cut (but no more).
    connection.pragma("synchronous", 2 if durable else 1)
    connection.pragma("foreign_keys", True)
    connection.pragma("cell_size_check", True)
    connection.pragma("trusted_schema", False)
    connection.pragma("journal_size_limit", 8 * 1024 * 1024)


def _newer(connection: apsw.Connection, path: Path, version: int, known: int) -> StateUnusable:
    writer = "a later tabib"
    with contextlib.suppress(apsw.Error):
        row = connection.execute("SELECT value FROM meta WHERE key = 'written_by'").fetchone()
        if row:
            writer = f"tabib {row[0]}"
    return StateUnusable(
        f"{writer} wrote it in format {version}; tabib {__version__} knows up to format {known}",
        attempted="open",
        target=str(path),
        advice=f"Install {writer} again; or, to start afresh with this one, name another folder "
        "with --state-dir.",
        details={"code": "newer", "path": str(path), "found": version, "known": known},
    )


def _migrate(connection: apsw.Connection, migrations: Sequence[str]) -> None:
    version = int(connection.pragma("user_version"))
    for number, statements in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
            )
            connection.execute(statements)
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES ('written_by', ?)", (__version__,)
            )
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            raise


def _could_not_open(
    error: apsw.Error, path: Path, connection: apsw.Connection | None
) -> StateUnusable | apsw.Error:
    number = 0
    if connection is not None:
        number = connection.system_errno
        if isinstance(error, _DAMAGE):
            # Closing would write the WAL into the damaged file: it is kept as it was found.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()
    trouble = from_sqlite(error, path, attempted="open", os_errno=number)
    if not isinstance(error, _DAMAGE):
        return trouble or error
    kept = set_aside(path)
    return unusable(
        "damaged",
        path,
        attempted="open",
        cause=str(error),
        kept=str(kept),
        advice=f"It was kept as {kept}, and the next start begins with an empty one. Put a "
        "copy back first if you have one. Containers run on; `tabib up` takes a project into "
        "care again.",
    )
