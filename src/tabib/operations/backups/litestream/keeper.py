"""Has Litestream replicate the SQLite files of every project that asks for it, on one engine.

Everything here looks at what is, and does what is missing: a helper for each data set that is
written to, a copy of its replicas in the repositories each minute.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from tabib.decide.backups.point_in_time import why_no_log
from tabib.model.backup import BackupPolicy, Dataset, Place, RepositoryAddress
from tabib.model.errors import TabibError
from tabib.operations.backups import troubles
from tabib.operations.backups.kinds.holding_still import writers
from tabib.operations.backups.kinds.places import host_path
from tabib.operations.backups.litestream import replicas
from tabib.operations.backups.litestream.program import (
    CONFIG,
    REPLICAS,
    SYNC_S,
    configuration,
    one_shot,
    program,
)
from tabib.operations.backups.litestream.replicas import TAG, Stream
from tabib.operations.backups.wal import store
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.litestream")

LOOK_S = 2.0
IDLE_LOOK_S = 10.0
KNOWN_S = 60.0
TIDY_S = 3600.0
KEPT = timedelta(hours=72)
_STEADY_S = 10.0
_TOLD_AFTER = 5
"""So many helpers in a row may end early before a person is told."""
_SAID = 2000

Wanted = Callable[[str], Awaitable[tuple[BackupPolicy, list[Dataset]]]]


@dataclass(slots=True, kw_only=True)
class _Kept:
    project: str
    dataset: Dataset
    root: str
    stream: Stream
    repositories: tuple[RepositoryAddress, ...]
    replicating: asyncio.Task[None]
    saving: asyncio.Task[None]
    began_s: float
    saved: dict[str, int] = field(default_factory=dict)
    tidied_s: float = float("-inf")


class Keeper:
    """One engine's; :meth:`run` never ends by itself."""

    def __init__(self, tools: Tools, wanted: Wanted, *, save_every_s: float = store.SAVE_S) -> None:
        self._tools = tools
        self._wanted = wanted
        self._save_every_s = save_every_s
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._known: dict[str, tuple[object, float, BackupPolicy, list[Dataset]]] = {}
        self._failures: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        try:
            while True:
                busy = False
                try:
                    path = program(self._tools)
                    busy = bool(path) and await self._look(path)
                except TabibError as error:
                    log.warning("litestream.look_failed", why=str(error))
                await self._tools.clock.sleep(LOOK_S if busy else IDLE_LOOK_S)
        finally:
            for key in list(self._kept):
                await self._end(key)

    async def store_now(self, project: str, dataset: str) -> None:
        """Store what has come; nothing happens where nothing is kept.

        :raises TabibError: a repository cannot be had.
        """
        if kept := self._kept.get((project, dataset)):
            await self._save(kept)

    def replicating(self, project: str, dataset: str) -> bool:
        kept = self._kept.get((project, dataset))
        return kept is not None and kept.stream.state() > 0

    # ── what is to be kept ─────────────────────────────────────────────────────────────────────

    async def _look(self, path: str) -> bool:
        wanted: dict[tuple[str, str], tuple[BackupPolicy, Dataset]] = {}
        for record in await self._tools.journal.all_care(self._tools.info.id):
            policy, sets = await self._asked(record.project, record.updated_at)
            for one in sets:
                local = self._tools.info.local
                if one.kind == "sqlite" and not why_no_log(one, local=local, litestream=True):
                    wanted[record.project, one.name] = (policy, one)
        for key in [one for one in self._kept if one not in wanted]:
            await self._end(key)
        for key, (policy, dataset) in wanted.items():
            await self._keep(key, policy, dataset, path)
        return bool(wanted)

    async def _asked(self, project: str, version: object) -> tuple[BackupPolicy, list[Dataset]]:
        now = self._tools.clock.monotonic()
        known = self._known.get(project)
        if known is None or known[0] != version or now - known[1] > KNOWN_S:
            policy, sets = await self._wanted(project)
            self._known[project] = known = (version, now, policy, sets)
        return known[2], known[3]

    async def _keep(
        self, key: tuple[str, str], policy: BackupPolicy, dataset: Dataset, path: str
    ) -> None:
        kept = self._kept.get(key)
        # Looked up each time: a restore swaps what the volume's name leads to.
        seen = await self._tools.glance.look()
        root = await host_path(self._tools, dataset.place, seen)
        identity = replicas.key_of(root, dataset.files) if root else ""
        if kept is not None:
            same = (root, identity) == (kept.root, kept.stream.key) and not kept.replicating.done()
            if same:
                self._whole_now(kept)
                return
            await self._end(key)
        if not identity or not await writers(self._tools, dataset, None):
            return
        streams = replicas.streams(self._tools, key[0], dataset.name)
        stream = streams[0] if streams and streams[0].key == identity else None
        if stream is None:
            stream = replicas.begin(self._tools, key[0], dataset.name, identity, dataset.files)
        (stream.path / CONFIG).write_text(configuration(dataset.files), "utf-8")
        place = Place(type="bind", source=root)
        self._kept[key] = made = _Kept(
            project=key[0],
            dataset=dataset,
            root=root,
            stream=stream,
            repositories=policy.repositories,
            replicating=asyncio.create_task(self._replicate(key, path, place, stream)),
            saving=asyncio.create_task(asyncio.sleep(0)),
            began_s=self._tools.clock.monotonic(),
        )
        made.saving = asyncio.create_task(self._keep_saving(made))

    def _whole_now(self, kept: _Kept) -> None:
        """What was committed an interval ago has come, while the helper runs."""
        now = self._tools.clock.monotonic()
        if now - kept.began_s > _STEADY_S / 2 and kept.stream.state():
            upto = self._tools.clock.now() - timedelta(seconds=2 * SYNC_S)
            kept.stream.note(kept.dataset.files, upto)

    async def _end(self, key: tuple[str, str]) -> None:
        kept = self._kept.pop(key)
        for task in (kept.replicating, kept.saving):
            task.cancel()
        await asyncio.gather(kept.replicating, kept.saving, return_exceptions=True)

    # ── one helper ─────────────────────────────────────────────────────────────────────────────

    async def _replicate(
        self, key: tuple[str, str], path: str, place: Place, stream: Stream
    ) -> None:
        argv = ["replicate", "-config", f"{REPLICAS}/{CONFIG}"]
        spec = one_shot(self._tools, path, argv, place, stream.path)
        said, began = "", self._tools.clock.monotonic()
        try:
            async with self._tools.engine.start_one_shot(spec) as process:
                async for _, data in process.output():
                    said = (said + data.decode(errors="replace"))[-_SAID:]
                await process.exit_code()
        except TabibError as error:
            said = str(error)
        steady = self._tools.clock.monotonic() - began > _STEADY_S
        self._failures[key] = 0 if steady else self._failures.get(key, 0) + 1
        log.warning("litestream.ended", project=key[0], dataset=key[1], said=said[-300:])
        if self._failures[key] == _TOLD_AFTER:
            why = said.strip().splitlines()[-1] if said.strip() else "it ended without a word"
            await troubles.log_stopped(self._tools, key[0], key[1], why[:300])
        await self._tools.clock.sleep(min(60.0, 2.0 ** self._failures[key]))

    # ── the repository ─────────────────────────────────────────────────────────────────────────

    async def _keep_saving(self, kept: _Kept) -> None:
        while True:
            await self._tools.clock.sleep(self._save_every_s)
            try:
                await self._save(kept)
                if self._failures.get((kept.project, kept.dataset.name), 0) == 0:
                    continue
                if self._tools.clock.monotonic() - kept.began_s > _STEADY_S:
                    self._failures[kept.project, kept.dataset.name] = 0
                    await troubles.well_again(self._tools, kept.project, (troubles.LOG,))
            except (TabibError, OSError) as error:
                log.warning("litestream.not_saved", project=kept.project, why=str(error))

    async def _save(self, kept: _Kept) -> None:
        """Store what is new in every repository.

        :raises TabibError: one cannot be had.
        """
        backups = self._tools.backups
        if backups is None:
            return
        self._whole_now(kept)
        state = kept.stream.state()
        name = kept.dataset.name
        tags = store.tags(kept.project, name, f"stream={kept.stream.id}", "chapter=1", tag=TAG)
        for address in kept.repositories:
            mark = address.name or address.url
            if not state or kept.saved.get(mark) == state:
                continue
            repository = await backups.repositories.get(address)
            place = Place(type="bind", source=str(kept.stream.path))
            await repository.save_files(place, tags=tags)
            kept.saved[mark] = state
        await self._tidy(kept)

    async def _tidy(self, kept: _Kept) -> None:
        """Let go of what is too old: streams that have ended here, copies in the repositories."""
        now, backups = self._tools.clock.monotonic(), self._tools.backups
        if now - kept.tidied_s < TIDY_S or backups is None:
            return
        kept.tidied_s = now
        oldest = self._tools.clock.now() - KEPT
        for one in replicas.streams(self._tools, kept.project, kept.dataset.name):
            if one != kept.stream and one.state() < oldest.timestamp() * 1e9:
                await asyncio.to_thread(shutil.rmtree, one.path, ignore_errors=True)
        for address in kept.repositories:
            repository = await backups.repositories.get(address, create=False)
            await store.let_go(repository, kept.project, kept.dataset.name, oldest, tag=TAG)
