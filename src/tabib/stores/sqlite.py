"""One SQLite file behind asyncio: one writer thread with group commit, reader threads beside it.

A write is a function of a connection. The writer takes all that wait, runs each in a savepoint of
its own, commits once, and only then answers: sixty appends at once cost two or three fsyncs, and
whoever got an answer has its data on the disk. The threads are daemon threads: they never hold up
the interpreter's exit, and nothing that was not answered is promised.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw

from tabib.model.errors import Bug, StateUnusable
from tabib.stores.schema import check, open_reader, open_writer
from tabib.stores.trouble import from_sqlite, is_trouble

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]
"""Runs on a database thread; a write may run twice (once more after space was freed), so it must
not change anything but the database."""

_BATCH_LIMIT = 1_000
_READERS = 2


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    value: Any = None
    error: BaseException | None = None


class Database:
    """One open file. Build it with :meth:`open`; close it with :meth:`close`.

    Every method raises StateUnusable for trouble of the disk; what a work function raises
    reaches its own caller only, and rolls back only that work.
    """

    def __init__(
        self, path: Path, on_full: Callable[[], bool] | None = None, durable: bool = True
    ) -> None:
        self.path = path
        self._on_full = on_full
        self._durable = durable
        self._writes: SimpleQueue[_Job | None] = SimpleQueue()
        self._reads: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._connection: apsw.Connection | None = None
        self._closed = False
        self._suspect = False

    @classmethod
    async def open(
        cls,
        path: Path,
        migrations: Sequence[str],
        *,
        on_full: Callable[[], bool] | None = None,
        durable: bool = True,
    ) -> Database:
        """Open or create ``path`` (mode 0600) and bring it to the newest format.

        ``durable``: False where commits need not outlive a power cut, only the process.
        ``on_full``: called on the writer thread when the disk is full; True where it made room,
        then the write is tried once more.
        """
        database = cls(path, on_full, durable)
        database._start("writer", database._write_loop)
        try:
            await database._submit(database._writes, lambda _: database._attach(migrations))
        except BaseException:
            database._closed = True
            database._writes.put(None)
            raise
        return database

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction; returns once it is on the disk.

        Cancelled while waiting, the work may still be done.
        """
        return await self._submit(self._writes, work)

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on a reader: it sees every write that was answered before."""
        if len(self._threads) == 1:
            for number in range(_READERS):
                self._start(f"reader-{number}", self._read_loop)
        return await self._submit(self._reads, work)

    async def verify(self) -> None:
        """Read every page, beside normal work.

        :raises StateUnusable: code ``damaged``.
        """
        await self.read(check)

    async def close(self) -> None:
        """Finish what was handed in, fold the WAL into the file, and close. Idempotent."""
        if self._closed:
            return
        self._closed = True
        writer, *readers = self._threads
        for _ in readers:
            self._reads.put(None)
        for thread in readers:
            await asyncio.to_thread(thread.join)
        self._writes.put(None)
        await asyncio.to_thread(writer.join)

    # ── the caller's side ──────────────────────────────────────────────────────────────────────

    async def _submit(self, queue: SimpleQueue[_Job | None], work: Work[T]) -> T:
        if self._closed:
            raise Bug("it is closed", attempted="use", target=str(self.path))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        queue.put(_Job(work, loop, future))
        return await future

    def _start(self, role: str, target: Callable[[], None]) -> None:
        name = f"tabib-{self.path.stem}-{role}"
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # ── the writer thread ──────────────────────────────────────────────────────────────────────

    def _attach(self, migrations: Sequence[str]) -> None:
        try:
            self._connection = open_writer(self.path, migrations, durable=self._durable)
        except StateUnusable as error:
            if error.details.get("code") != "full" or not self._made_room():
                raise
            self._connection = open_writer(self.path, migrations, durable=self._durable)

    def _write_loop(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._next_batch()
            if batch:
                _answer(self._commit(batch))
        if self._connection is not None:
            if self._suspect:
                # Leaves the WAL behind, which makes the next start check every page.
                self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self._connection.close()

    def _next_batch(self) -> tuple[list[_Job], bool]:
        job = self._writes.get()
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            # Opening is a batch of its own: it may not run inside a transaction.
            if self._connection is None or len(batch) == _BATCH_LIMIT:
                return batch, False
            try:
                job = self._writes.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[_Job]) -> list[_Outcome]:
        connection = self._connection
        try:
            if connection is None:
                return [_run(job, None) for job in batch]
            return _transact(connection, batch)
        except apsw.Error as error:
            failure = self._abandon(connection, error)
        if connection is not None and _code(failure) == "full" and self._made_room():
            try:
                return _transact(connection, batch)
            except apsw.Error as error:
                failure = self._abandon(connection, error)
        return [_Outcome(job, error=_copy(failure)) for job in batch]

    def _abandon(self, connection: apsw.Connection | None, error: apsw.Error) -> BaseException:
        number = connection.system_errno if connection else 0
        if connection is not None and connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error:
                # The transaction is gone either way; the first error is the one to report.
                pass
        return self._explain(error, "write", number)

    def _explain(self, error: apsw.Error, attempted: str, number: int) -> BaseException:
        self._suspect = self._suspect or isinstance(error, apsw.CorruptError | apsw.NotADBError)
        trouble = from_sqlite(error, self.path, attempted=attempted, os_errno=number)
        explained = trouble or Bug(str(error), attempted=attempted, target=str(self.path))
        explained.__cause__ = error
        return explained

    def _made_room(self) -> bool:
        return self._on_full is not None and self._on_full()

    # ── a reader thread ────────────────────────────────────────────────────────────────────────

    def _read_loop(self) -> None:
        connection: apsw.Connection | None = None
        while (job := self._reads.get()) is not None:
            try:
                connection = connection or open_reader(self.path)
                outcome = _run(job, connection)
            except apsw.Error as error:
                number = connection.system_errno if connection else 0
                outcome = _Outcome(job, error=self._explain(error, "read", number))
            _answer([outcome])
        if connection is not None:
            connection.close()


def _transact(connection: apsw.Connection, batch: list[_Job]) -> list[_Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    outcomes = []
    for job in batch:
        connection.execute("SAVEPOINT job")
        outcome = _run(job, connection)
        if outcome.error is not None:
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        outcomes.append(outcome)
    connection.execute("COMMIT")
    return outcomes


def _run(job: _Job, connection: apsw.Connection | None) -> _Outcome:
    """Run one job; trouble of the disk passes through, all else becomes the job's outcome."""
    try:
        return _Outcome(job, value=job.work(connection))  # type: ignore[arg-type]
    except apsw.Error as error:
        if is_trouble(error):
            raise
        bug = Bug(str(error), attempted="run a statement")
        bug.__cause__ = error
        return _Outcome(job, error=bug)
    except BaseException as error:  # noqa: BLE001 - it is handed to the caller, not lost
        return _Outcome(job, error=error)


def _code(error: BaseException) -> str:
    return str(error.details.get("code", "")) if isinstance(error, StateUnusable) else ""


def _copy(error: BaseException) -> BaseException:
    """One error for each waiting task: a shared one would mix their tracebacks."""
    if not isinstance(error, StateUnusable | Bug):
        return error
    fresh = type(error)(
        error.happened,
        attempted=error.attempted,
        target=error.target,
        advice=error.advice,
        details=error.details,
    )
    fresh.__cause__ = error.__cause__
    return fresh


def _answer(outcomes: list[_Outcome]) -> None:
    """Wake the callers: one wake-up per event loop, not one per job."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.job.loop, []).append(outcome)
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, group)
        except RuntimeError:
            # The loop was closed: nobody waits any more.
            continue


def _settle_all(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.job.future
        if future.done():
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)
