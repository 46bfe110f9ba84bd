"""The daemon's own memory and clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from tabib.model.backup import Identity, Snapshot
from tabib.model.incident import Case, Incident
from tabib.model.release import CareRecord, JournalEntry, LastSeen, Lease, Release


class Clock(Protocol):
    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Journal(Protocol):
    """The durable memory. A write has reached the disk when its call returns.

    Raises :class:`~tabib.model.errors.StateUnusable` when the state folder is full, read-only,
    damaged or of a newer version.
    """

    async def append(self, *entries: JournalEntry) -> int:
        """Append in one transaction; the last entry's ``seq``."""
        ...

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
        """The newest ``limit`` that match, oldest first."""
        ...

    async def put_release(self, release: Release) -> None:
        """Insert, or replace the one of the same (engine_id, project, number)."""
        ...

    async def releases(self, engine_id: str, project: str, limit: int = 100) -> list[Release]:
        """Newest first."""
        ...

    async def put_care(self, record: CareRecord) -> None: ...

    async def care(self, engine_id: str, project: str) -> CareRecord | None: ...

    async def all_care(self, engine_id: str | None = None) -> list[CareRecord]: ...

    async def remove_care(self, engine_id: str, project: str) -> None: ...

    async def put_case(self, case: Case) -> None:
        """Cases are sealed: writing the same id twice raises Bug."""
        ...

    async def case(self, case_id: str) -> Case | None: ...

    async def put_incident(self, incident: Incident) -> None:
        """Insert or replace by id."""
        ...

    async def incident(self, incident_id: str) -> Incident | None:
        """By id or by an unambiguous prefix."""
        ...

    async def incidents(
        self,
        *,
        engine_id: str | None = None,
        project: str | None = None,
        open_only: bool = False,
        since: datetime | None = None,
        limit: int = 200,
    ) -> list[Incident]:
        """Newest first."""
        ...

    async def put_snapshot(self, snapshot: Snapshot) -> None:
        """Insert or replace by id."""
        ...

    async def snapshot(self, snapshot_id: str) -> Snapshot | None:
        """By id or by an unambiguous prefix.

        :raises UsageError: several ids start so.
        """
        ...

    async def snapshots(
        self, engine_id: str | None = None, project: str | None = None, limit: int = 1000
    ) -> list[Snapshot]:
        """Newest first; None: any."""
        ...

    async def remove_snapshot(self, snapshot_id: str) -> None:
        """Forget it here; nothing is done to the repository. Idempotent."""
        ...

    async def put_identity(self, engine_id: str, project: str, identity: Identity) -> None:
        """Insert, or replace that of the same data set."""
        ...

    async def identities(self, engine_id: str, project: str) -> list[Identity]: ...

    async def forget_identities(self, engine_id: str, project: str) -> None: ...

    async def put_last_seen(self, *seen: LastSeen) -> None: ...

    async def last_seen(self, engine_id: str, project: str | None = None) -> list[LastSeen]: ...

    async def forget_last_seen(self, engine_id: str, container_id: str) -> None: ...

    async def acquire_lease(self, scope: str, holder: str, ttl: timedelta) -> Lease:
        """Take or renew.

        :raises LeaseHeld: another holder's lease has not expired.
        """
        ...

    async def release_lease(self, lease: Lease) -> None: ...

    async def clear_leases(self) -> None:
        """Forget all leases: called once by the daemon, which alone holds the state folder, when it
        starts. Tokens go on growing."""
        ...

    async def get_setting(self, key: str) -> str | None: ...

    async def put_setting(self, key: str, value: str) -> None: ...

    async def settings(self, prefix: str) -> dict[str, str]:
        """All whose key begins so."""
        ...

    async def put_settings(self, values: Mapping[str, str | None]) -> None:
        """All at once, or none: what is cut off has changed nothing. None: no longer set."""
        ...

    async def close(self) -> None: ...


class Vault(Protocol):
    """Secret values, encrypted at rest. References look like ``vault:<keyed hash>``."""

    async def seal(self, values: Sequence[str]) -> list[str]:
        """Store each value (same value, same reference); the references, in order."""
        ...

    async def open(self, references: Sequence[str]) -> list[str]:
        """The values behind references, in order.

        :raises StateUnusable: a reference is unknown or the key does not fit.
        """
        ...
