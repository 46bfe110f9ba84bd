"""The journal: an adapter of :class:`tabib.ports.Journal` on ``STATE_DIR/journal.sqlite3``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tabib.model.backup import Identity, Snapshot
from tabib.model.incident import Case, Incident
from tabib.model.release import CareRecord, JournalEntry, LastSeen, Lease, Release
from tabib.ports import Clock
from tabib.stores import entries, incidents, leases, records, snapshots
from tabib.stores.entries import EntryFilter
from tabib.stores.incidents import IncidentFilter
from tabib.stores.journal_schema import MIGRATIONS
from tabib.stores.outbox import SqliteOutbox
from tabib.stores.retention import Pruned, Retention, prune_some
from tabib.stores.sqlite import Database

FILE_NAME = "journal.sqlite3"
_PRUNED_AT_ONCE = 2_000
"""Rows in one transaction: a longer one would keep appends waiting."""
_DEFAULT_RETENTION = Retention()


class SqliteJournal:
    """See the port for each method's contract; every write is on the disk when it returns.

    The clock is read for leases only.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.on_incident: Callable[[Incident], None] = lambda _: None
        """Is called with each incident once it was written."""
        self.outbox = SqliteOutbox(database)

    @classmethod
    async def open(
        cls, folder: Path, clock: Clock, *, on_full: Callable[[], bool] | None = None
    ) -> SqliteJournal:
        """Open or create the journal in ``folder``; ``on_full`` as in :class:`Database`.

        :raises StateUnusable: see :mod:`tabib.stores.trouble` for ``details["code"]``.
        """
        database = await Database.open(folder / FILE_NAME, MIGRATIONS, on_full=on_full)
        return cls(database, clock)

    async def close(self) -> None:
        await self._database.close()

    async def verify(self) -> None:
        """Read the whole file.

        :raises StateUnusable: code ``damaged``.
        """
        await self._database.verify()

    def size_bytes(self) -> int:
        """What the file and its WAL take on the disk."""
        path = self._database.path
        parts = (path, path.with_name(path.name + "-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    # ── entries ────────────────────────────────────────────────────────────────────────────────

    async def append(self, *new: JournalEntry) -> int:
        rows = [entries.to_row(entry) for entry in new]
        return await self._database.write(lambda base: entries.append(base, rows))

    async def entries(
        self,
        *,
        engine_id: str | None = None,
        project: str | None = None,
        operation: str | None = None,
        kinds: Sequence[str] = (),
        since: datetime | None = None,
        limit: int = 1000,
    ) -> list[JournalEntry]:
        wanted = EntryFilter(
            engine_id=engine_id, project=project, operation=operation, kinds=kinds, since=since
        )
        return await self._database.read(lambda base: entries.select(base, wanted, limit))

    async def prune(self, now: datetime, retention: Retention = _DEFAULT_RETENTION) -> Pruned:
        """Let go of what ``retention`` no longer keeps at ``now``; how many rows went.

        In small transactions, so that writes go on beside it; may be cancelled at any time.
        """
        total = Pruned()
        while True:
            some = await self._database.write(
                lambda base: prune_some(base, now, retention, _PRUNED_AT_ONCE)
            )
            total = Pruned(
                entries=total.entries + some.entries,
                cases=total.cases + some.cases,
                last_seen=total.last_seen + some.last_seen,
            )
            if some.total == 0:
                return total

    # ── releases and care ──────────────────────────────────────────────────────────────────────

    async def put_release(self, release: Release) -> None:
        await self._database.write(lambda base: records.upsert_release(base, release))

    async def releases(self, engine_id: str, project: str, limit: int = 100) -> list[Release]:
        return await self._database.read(
            lambda base: records.select_releases(base, engine_id, project, limit)
        )

    async def put_care(self, record: CareRecord) -> None:
        await self._database.write(lambda base: records.upsert_care(base, record))

    async def care(self, engine_id: str, project: str) -> CareRecord | None:
        found = await self._database.read(
            lambda base: records.select_care(base, engine_id, project)
        )
        return found[0] if found else None

    async def all_care(self, engine_id: str | None = None) -> list[CareRecord]:
        return await self._database.read(lambda base: records.select_care(base, engine_id, None))

    async def remove_care(self, engine_id: str, project: str) -> None:
        await self._database.write(lambda base: records.delete_care(base, engine_id, project))

    # ── cases and incidents ────────────────────────────────────────────────────────────────────

    async def put_case(self, case: Case) -> None:
        await self._database.write(lambda base: incidents.insert_case(base, case))

    async def case(self, case_id: str) -> Case | None:
        return await self._database.read(lambda base: incidents.select_case(base, case_id))

    async def put_incident(self, incident: Incident) -> None:
        await self._database.write(lambda base: incidents.upsert_incident(base, incident))
        self.on_incident(incident)

    async def incident(self, incident_id: str) -> Incident | None:
        """By id or by an unambiguous prefix.

        :raises UsageError: several ids start so.
        """
        return await self._database.read(lambda base: incidents.find_incident(base, incident_id))

    async def incidents(
        self,
        *,
        engine_id: str | None = None,
        project: str | None = None,
        open_only: bool = False,
        since: datetime | None = None,
        limit: int = 200,
    ) -> list[Incident]:
        wanted = IncidentFilter(
            engine_id=engine_id, project=project, open_only=open_only, since=since
        )
        return await self._database.read(
            lambda base: incidents.select_incidents(base, wanted, limit)
        )

    # ── snapshots ──────────────────────────────────────────────────────────────────────────────

    async def put_snapshot(self, snapshot: Snapshot) -> None:
        await self._database.write(lambda base: snapshots.upsert_snapshot(base, snapshot))

    async def snapshot(self, snapshot_id: str) -> Snapshot | None:
        return await self._database.read(lambda base: snapshots.find_snapshot(base, snapshot_id))

    async def snapshots(
        self, engine_id: str | None = None, project: str | None = None, limit: int = 1000
    ) -> list[Snapshot]:
        return await self._database.read(
            lambda base: snapshots.select_snapshots(base, engine_id, project, limit)
        )

    async def remove_snapshot(self, snapshot_id: str) -> None:
        await self._database.write(lambda base: snapshots.delete_snapshot(base, snapshot_id))

    async def put_identity(self, engine_id: str, project: str, identity: Identity) -> None:
        await self._database.write(
            lambda base: snapshots.upsert_identity(base, engine_id, project, identity)
        )

    async def identities(self, engine_id: str, project: str) -> list[Identity]:
        return await self._database.read(
            lambda base: snapshots.select_identities(base, engine_id, project)
        )

    async def forget_identities(self, engine_id: str, project: str) -> None:
        await self._database.write(
            lambda base: snapshots.delete_identities(base, engine_id, project)
        )

    # ── last looks ─────────────────────────────────────────────────────────────────────────────

    async def put_last_seen(self, *seen: LastSeen) -> None:
        await self._database.write(lambda base: records.upsert_last_seen(base, seen))

    async def last_seen(self, engine_id: str, project: str | None = None) -> list[LastSeen]:
        return await self._database.read(
            lambda base: records.select_last_seen(base, engine_id, project)
        )

    async def forget_last_seen(self, engine_id: str, container_id: str) -> None:
        await self._database.write(
            lambda base: records.delete_last_seen(base, engine_id, container_id)
        )

    # ── leases and settings ────────────────────────────────────────────────────────────────────

    async def acquire_lease(self, scope: str, holder: str, ttl: timedelta) -> Lease:
        now = self._clock.now()
        return await self._database.write(
            lambda base: leases.acquire(base, scope, holder, now, ttl)
        )

    async def release_lease(self, lease: Lease) -> None:
        await self._database.write(lambda base: leases.release(base, lease))

    async def clear_leases(self) -> None:
        await self._database.write(leases.clear)

    async def get_setting(self, key: str) -> str | None:
        return await self._database.read(lambda base: records.select_setting(base, key))

    async def put_setting(self, key: str, value: str) -> None:
        await self._database.write(lambda base: records.upsert_setting(base, key, value))

    async def settings(self, prefix: str) -> dict[str, str]:
        return await self._database.read(lambda base: records.select_settings(base, prefix))

    async def put_settings(self, values: Mapping[str, str | None]) -> None:
        await self._database.write(lambda base: records.change_settings(base, values))
