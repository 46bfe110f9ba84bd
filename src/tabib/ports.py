"""Ports: one protocol per outside thing. Adapters implement them; decisions never see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from tabib.model.container import ContainerState, EngineInfo, ExecResult, LogLine, Observed
from tabib.model.event import Event
from tabib.model.incident import Case, Incident
from tabib.model.plan import Step, StepProgress, StepResult
from tabib.model.release import CareRecord, JournalEntry, LastSeen, Lease, Release

ProgressSink = Callable[[StepProgress], None]
OutputSink = Callable[[str], None]
Credentials = Mapping[str, Mapping[str, str]]
"""Registry host → the auth mapping of the Engine API (``username``, ``password``, …)."""


class Clock(Protocol):
    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Engine(Protocol):
    """One engine. ``tests/conformance`` is the definition of this port.

    Every call has a deadline of the adapter's own and raises from the tree in
    ``model/errors.py``: :class:`~tabib.model.errors.EngineUnavailable` when the engine does not
    answer, :class:`~tabib.model.errors.NotFound`, :class:`~tabib.model.errors.Conflict`,
    :class:`~tabib.model.errors.ImageUnavailable`, :class:`~tabib.model.errors.PortTaken`,
    :class:`~tabib.model.errors.StartFailed` or :class:`~tabib.model.errors.EngineError`.
    """

    async def info(self) -> EngineInfo:
        """Who the engine is, asked anew."""
        ...

    async def observe(
        self, project: str | None = None, *, images: Sequence[str] = (), detail: bool = True
    ) -> Observed:
        """All containers, networks and volumes (of ``project``, by Compose's label; None: all).

        ``images``: references to look up. ``detail``: also what only an inspection of each
        container shows. A container that vanishes meanwhile is left out.
        """
        ...

    async def apply(
        self,
        step: Step,
        *,
        progress: ProgressSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        """Do one step (never ``wait``, and ``build_image`` by :meth:`build`).

        Idempotent where the engine is: starting what runs, stopping or removing what is
        stopped or gone succeed. Creating a container, network or volume whose name exists raises
        Conflict (for a volume: only if labels differ). Removing a container that is not there
        succeeds. A ``create_container`` with ``files`` puts them in before it returns.
        """
        ...

    async def build(
        self,
        step: Step,
        context: AsyncIterator[bytes] | None = None,
        *,
        progress: ProgressSink | None = None,
        output: OutputSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        """Do a ``build_image`` step; the result's id is the image's. ``context``: a tar stream,
        never held in memory whole; None where the context is remote. ``output``: called with each
        line that the build writes. Cancelling it ends the build on the engine.

        :raises BuildFailed: an instruction failed, or the Dockerfile is wrong.
        :raises ImageUnavailable: a base image cannot be had.
        """
        ...

    async def builders(self) -> frozenset[str]:
        """Which builders there are: ``engine``, ``buildx``."""
        ...

    def events(self, since_ns: int | None = None) -> AsyncIterator[Event]:
        """Events as they come, from ``since_ns`` (engine clock, ns) if given, without ``exec_*``.

        Ends by raising EngineUnavailable when the connection is lost; never reconnects by itself.
        """
        ...

    async def look(self, container: str) -> ContainerState:
        """One container by id or name, with detail.

        :raises NotFound: there is none.
        """
        ...

    async def inspect(self, container: str) -> Mapping[str, Any]:
        """The engine's own inspection of a container, raw (may hold secret values)."""
        ...

    def recreate_body(self, inspection: Mapping[str, Any]) -> Mapping[str, Any]:
        """``ContainerSpec.raw`` for the container of ``inspection``: created from it, a container
        is the same again, anonymous volumes by name and network aliases included. Pure.
        """
        ...

    def logs(
        self,
        container: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[LogLine]:
        """Lines of both streams in order, each with its time."""
        ...

    async def wait(self, container: str) -> int:
        """The exit code, once the container is not running."""
        ...

    async def exec(
        self, container: str, argv: Sequence[str], *, user: str = "", timeout_s: float = 30.0
    ) -> ExecResult:
        """Run a command in a running container, without terminal or input."""
        ...

    def get_archive(self, container: str, path: str) -> AsyncIterator[bytes]:
        """A tar stream of ``path``, never held in memory whole."""
        ...

    async def put_archive(
        self, container: str, path: str, chunks: AsyncIterator[bytes], *, copy_owner: bool = False
    ) -> None:
        """Unpack a tar stream into the folder ``path``."""
        ...

    async def claim(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Create the volume ``tabib_owner`` with ``labels``; the labels it has (first writer wins).

        Idempotent.
        """
        ...

    async def unclaim(self) -> None:
        """Remove the volume ``tabib_owner``. Idempotent."""
        ...

    async def close(self) -> None: ...


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


class Subscription(Protocol):
    """A bounded queue of events; ``dropped`` counts what did not fit."""

    dropped: int

    async def get(self) -> Event: ...
