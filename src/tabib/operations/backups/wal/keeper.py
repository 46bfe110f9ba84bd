"""Keeps the write-ahead logs of every database on one engine whose project asks for it.

Everything here looks at what is, and does what is missing: a receiver for each database that runs,
a base backup for each stream that has none, a copy in the repository of what came since the last.
So a death at any point is put right by the next look.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from tabib.decide.backups.point_in_time import why_no_log
from tabib.decide.backups.wal import PUT_BACK
from tabib.model.backup import BackupPolicy, Dataset, RepositoryAddress
from tabib.model.container import RUNNING, ContainerState
from tabib.model.errors import NotFound, TabibError
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.release import JournalEntry
from tabib.operations.backups import troubles
from tabib.operations.backups.wal import spool, store
from tabib.operations.backups.wal.receiver import LABEL_CONTAINER, Receiver, left, remove
from tabib.operations.backups.wal.spool import Stream
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.wal")

LOOK_S = 2.0
IDLE_LOOK_S = 5.0
KNOWN_S = 60.0
"""How long what a project wants is taken as known, where its care record does not change."""
UNKEPT_S = 600.0
"""The same, of a project that keeps no log: what it wants changes with its care record."""
BASE_PAUSE_S = 60.0
BASE_PAUSE_MAX_S = 3600.0
TIDY_S = 3600.0
TOLD_AFTER_S = 300.0
"""So long nothing may be received before a person is told."""

Base = Callable[[str, Dataset, str], Awaitable[None]]
"""Takes a base backup of a data set of a project, for this reason."""
Wanted = Callable[[str], Awaitable[tuple[BackupPolicy, list[Dataset]]]]
"""The policy and the data sets of a project."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    """One data set that is kept now."""

    project: str
    receiver: Receiver
    repositories: tuple[RepositoryAddress, ...]
    receiving: asyncio.Task[None]
    saving: asyncio.Task[None] | None = None
    base: asyncio.Task[None] | None = None
    told_gaps: int = 0
    trouble: bool | None = None
    """Whether an incident says that nothing is received; None: an earlier daemon may have opened
    one."""


@dataclass(slots=True)
class _Saves:
    """What was stored of a data set's streams, and when."""

    state: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """By stream and repository."""
    tidied_s: float = float("-inf")
    saved_at: datetime | None = None
    counts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalStatus:
    """How it goes with one data set, for those who show it."""

    project: str
    dataset: str
    receiving: bool
    trouble: str = ""
    failing_s: float = 0.0
    saved_at: datetime | None = None
    gaps: tuple[str, ...] = ()


class Keeper:
    """One engine's; :meth:`run` never ends by itself."""

    def __init__(
        self, tools: Tools, wanted: Wanted, base: Base, *, save_every_s: float = store.SAVE_S
    ) -> None:
        self._tools = tools
        self._wanted = wanted
        self._base = base
        self._save_every_s = save_every_s
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._saves: dict[tuple[str, str], _Saves] = {}
        self._storing: set[asyncio.Task[None]] = set()
        self._known: dict[str, tuple[object, float, BackupPolicy, list[Dataset]]] = {}

    async def run(self) -> None:
        try:
            await self._clear()
            while True:
                idle = True
                try:
                    idle = not await self._look()
                except TabibError as error:
                    log.warning("wal.look_failed", why=str(error))
                await self._tools.clock.sleep(IDLE_LOOK_S if idle else LOOK_S)
        finally:
            await self._end(list(self._kept))
            storing = list(self._storing)
            for task in storing:
                task.cancel()
            await asyncio.gather(*storing, return_exceptions=True)

    def status(self) -> list[WalStatus]:
        """How it goes with every data set that is kept now."""
        now = self._tools.clock.monotonic()
        found = []
        for (project, dataset), kept in sorted(self._kept.items()):
            status = kept.receiver.status
            since = status.failing_since
            found.append(
                WalStatus(
                    project=project,
                    dataset=dataset,
                    receiving=status.receiving,
                    trouble=status.trouble,
                    failing_s=now - since if since is not None else 0.0,
                    saved_at=self._saves_of((project, dataset)).saved_at,
                    gaps=tuple(status.gaps),
                )
            )
        return found

    async def store_now(self, project: str, dataset: str) -> None:
        """Store what has come; nothing happens where nothing is kept.

        :raises TabibError: a repository cannot be had.
        """
        kept = self._kept.get((project, dataset))
        if kept is not None:
            await self._save(kept)

    # ── what is to be kept ─────────────────────────────────────────────────────────────────────

    async def _look(self) -> bool:
        """Begin and end what is to; whether anything is kept."""
        if not self._tools.info.local:
            return False  # see `why_no_log`: nothing is asked of the journal for it
        wanted: dict[tuple[str, str], tuple[BackupPolicy, Dataset]] = {}
        for record in await self._tools.journal.all_care(self._tools.info.id):
            policy, sets = await self._asked(record.project, record.updated_at)
            if policy.point_in_time:
                for one in sets:
                    local = self._tools.info.local
                    if one.kind == "postgres" and not why_no_log(
                        one, local=local, litestream=False
                    ):
                        wanted[record.project, one.name] = (policy, one)
        await self._end([key for key in self._kept if key not in wanted])
        if not wanted:
            return False
        containers = (await self._tools.glance.look()).containers
        for key, (policy, dataset) in wanted.items():
            await self._keep(key, policy, dataset, _runs(containers, key[0], dataset))
        return True

    async def _asked(self, project: str, version: object) -> tuple[BackupPolicy, list[Dataset]]:
        now = self._tools.clock.monotonic()
        known = self._known.get(project)
        fresh_s = KNOWN_S if known is not None and known[2].point_in_time else UNKEPT_S
        if known is None or known[0] != version or now - known[1] > fresh_s:
            policy, sets = await self._wanted(project)
            self._known[project] = known = (version, now, policy, sets)
        return known[2], known[3]

    async def _keep(
        self,
        key: tuple[str, str],
        policy: BackupPolicy,
        dataset: Dataset,
        container: ContainerState | None,
    ) -> None:
        kept = self._kept.get(key)
        if kept is not None and kept.receiving.done():
            # Beside: a database that runs again is received from at once.
            self._begin_storing(self._store_end(kept))
            await self._end([key])
            kept = None
        if kept is None:
            if container is None:
                return
            with suppress(NotFound):
                detailed = await self._tools.engine.look(container.id)
                receiver = Receiver(self._tools, key[0], dataset, detailed)
                kept = _Kept(
                    project=key[0],
                    receiver=receiver,
                    repositories=policy.repositories,
                    receiving=asyncio.create_task(_guarded(receiver), name=f"wal {key}"),
                )
                kept.saving = asyncio.create_task(self._keep_saving(kept))
                self._kept[key] = kept
            return
        await self._tell_gaps(kept)
        await self._tell_trouble(kept)
        idle = kept.base is None or kept.base.done()
        if idle and kept.receiver.status.receiving and not await self._has_base(kept):
            kept.base = asyncio.create_task(self._take_base(kept))

    async def _end(self, keys: list[tuple[str, str]]) -> None:
        for key in keys:
            kept = self._kept.pop(key)
            tasks = [t for t in (kept.receiving, kept.saving, kept.base) if t is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _clear(self) -> None:
        """Remove helpers of a dead daemon whose database is gone too."""
        with suppress(TabibError):
            seen = await self._tools.engine.observe(detail=False)
            running = {one.id for one in seen.containers if one.status in RUNNING}
            for one in await left(self._tools):
                if one.labels.get(LABEL_CONTAINER) not in running:
                    await remove(self._tools, one.id)

    async def _tell_gaps(self, kept: _Kept) -> None:
        gaps = kept.receiver.status.gaps
        for why in gaps[kept.told_gaps :]:
            await self._tools.journal.append(
                JournalEntry(
                    at=self._tools.clock.now(),
                    kind="note",
                    engine_id=self._tools.info.id,
                    project=kept.project,
                    subject=kept.receiver.dataset.name,
                    data={"code": "backup.wal-gap", "text": why},
                )
            )
            if why != PUT_BACK:  # a restore, or a person, did that
                name = kept.receiver.dataset.name
                await troubles.log_has_hole(self._tools, kept.project, name, why)
        kept.told_gaps = len(gaps)

    async def _tell_trouble(self, kept: _Kept) -> None:
        """An incident while nothing has been received for long; ended once something is."""
        status = kept.receiver.status
        since = status.failing_since
        now = self._tools.clock.monotonic()
        if status.receiving and kept.trouble is not False:
            kept.trouble = False
            of_project = [one for one in self._kept.values() if one.project == kept.project]
            if not any(one.trouble for one in of_project):
                await troubles.well_again(self._tools, kept.project, (troubles.LOG,))
        elif not kept.trouble and since is not None and now - since > TOLD_AFTER_S:
            kept.trouble = True
            name = kept.receiver.dataset.name
            await troubles.log_stopped(self._tools, kept.project, name, status.trouble)

    # ── base backups ───────────────────────────────────────────────────────────────────────────

    async def _has_base(self, kept: _Kept) -> bool:
        stream = kept.receiver.status.stream
        if stream is None:
            return True
        begun = stream.facts().begun_at
        return any(
            part.identity == stream.identity and (not begun or part.taken_at.isoformat() >= begun)
            for part in await store.bases(self._tools, kept.project, kept.receiver.dataset.name)
        )

    async def _take_base(self, kept: _Kept) -> None:
        pause_s = BASE_PAUSE_S
        why = (
            "its write-ahead log begins anew"
            if kept.receiver.status.gaps
            else "its write-ahead log is kept from now on"
        )
        while True:
            try:
                await self._base(kept.project, kept.receiver.dataset, why)
                await troubles.well_again(self._tools, kept.project, (troubles.LOG_GAP,))
                return
            except TabibError as error:
                log.warning("wal.no_base", project=kept.project, why=str(error), again_in_s=pause_s)
            await self._tools.clock.sleep(pause_s)
            pause_s = min(BASE_PAUSE_MAX_S, pause_s * 2)

    # ── the repository ─────────────────────────────────────────────────────────────────────────

    def _saves_of(self, key: tuple[str, str]) -> _Saves:
        return self._saves.setdefault(key, _Saves())

    def _begin_storing(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    async def _store_end(self, kept: _Kept) -> None:
        """Store the end of what came; what is not stored here the next receiver stores."""
        backups, stream = self._tools.backups, kept.receiver.status.stream
        if backups is None or stream is None:
            return
        saves = self._saves_of((kept.project, kept.receiver.dataset.name))
        for address in kept.repositories:
            try:
                await self._store(kept, saves, address, [stream], stream, often=True)
            except (TabibError, OSError) as error:
                log.warning("wal.not_saved", project=kept.project, why=str(error))

    async def _store(
        self,
        kept: _Kept,
        saves: _Saves,
        address: RepositoryAddress,
        streams: list[Stream],
        current: Stream,
        *,
        often: bool = False,
    ) -> None:
        backups = self._tools.backups
        if backups is None:
            return
        for stream in streams:
            mark = f"{stream.id} {address.name or address.url}"
            state = stream.state()
            if saves.state.get(mark) == state:
                continue
            repository = await backups.repositories.get(address)
            now = not repository.append_only or saves.counts % store.APPEND_ONLY_FACTOR == 1
            if often or now or stream != current:
                await store.save(repository, kept.project, kept.receiver.dataset.name, stream)
                saves.state[mark] = state

    async def _keep_saving(self, kept: _Kept) -> None:
        while True:
            await self._tools.clock.sleep(self._save_every_s)
            try:
                await self._save(kept)
            except (TabibError, OSError) as error:
                log.warning("wal.not_saved", project=kept.project, why=str(error))

    async def _save(self, kept: _Kept) -> None:
        """Store what is new in every repository: of the stream that is received, and of those
        before it.

        :raises TabibError: one cannot be had; the others were done.
        """
        backups, current = self._tools.backups, kept.receiver.status.stream
        if backups is None or current is None:
            return
        project, dataset = kept.project, kept.receiver.dataset.name
        saves = self._saves_of((project, dataset))
        saves.counts += 1
        kept.receiver.whole_now()
        trouble: list[TabibError] = []
        streams = spool.streams(self._tools, project, dataset)
        for address in kept.repositories:
            try:
                await self._store(kept, saves, address, streams, current)
            except TabibError as error:
                trouble.append(error)
        if trouble:
            raise trouble[0]
        saves.saved_at = self._tools.clock.now()
        await self._let_streams_go(kept, [one for one in streams if one != current])
        await self._tidy(kept, current, saves)

    async def _let_streams_go(self, kept: _Kept, ended: list[Stream]) -> None:
        """Remove streams that have ended, are stored, and are older than a base backup."""
        if not ended:
            return
        bases = await store.bases(self._tools, kept.project, kept.receiver.dataset.name)
        for stream in ended:
            newest = stream.newest()
            if newest is None or any(part.taken_at > newest for part in bases):
                await asyncio.to_thread(shutil.rmtree, stream.path, ignore_errors=True)

    async def _tidy(self, kept: _Kept, stream: Stream, saves: _Saves) -> None:
        """Let go of log that no base backup needs: here, and in the repositories."""
        project, dataset = kept.project, kept.receiver.dataset.name
        now = self._tools.clock.monotonic()
        if now - saves.tidied_s < TIDY_S and not store.crowded(stream):
            return
        saves.tidied_s = now
        kept_bases = await store.bases(self._tools, project, dataset)
        store.trim(stream, store.needless_before(kept_bases, stream.identity))
        backups = self._tools.backups
        if backups is None:
            return
        oldest = kept_bases[-1].taken_at if kept_bases else None
        for address in kept.repositories:
            repository = await backups.repositories.get(address, create=False)
            await store.let_go(repository, project, dataset, oldest)


async def _guarded(receiver: Receiver) -> None:
    """A mistake with one database ends no other's; the next look begins anew."""
    try:
        await receiver.run()
    except TabibError as error:
        log.warning("wal.ended", dataset=receiver.dataset.name, why=str(error))
        await asyncio.sleep(1.0)
    except Exception:  # logged with its traceback; the next look begins anew
        log.exception("wal.failed", dataset=receiver.dataset.name)
        await asyncio.sleep(5.0)


def _runs(
    containers: tuple[ContainerState, ...], project: str, dataset: Dataset
) -> ContainerState | None:
    """The container whose database writes to the data set; None: none runs."""
    found = [
        one
        for one in containers
        if one.project == project
        and one.service == dataset.service
        and one.status in RUNNING
        and not one.oneoff
        and LABEL_HELPER not in one.labels
    ]
    return max(found, key=lambda one: one.created_at, default=None)
