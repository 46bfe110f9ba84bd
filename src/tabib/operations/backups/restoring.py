"""One restore from one snapshot: fetched and looked at beside what runs, then swapped in.

The services run on while the copy is fetched and checked, and stop for the swap alone. Cut off
anywhere, the old data or the new is attached: see ``docs/decisions/0043-restore-and-swap.md``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from tabib.decide.backups.point_in_time import LOGGED
from tabib.decide.backups.restore import Source, course, lost, sources
from tabib.model.backup import Dataset, Phase, Place, Snapshot
from tabib.model.container import RUNNING, Observed
from tabib.model.errors import CopyFailed, Interrupted, NotHealthy
from tabib.operations.backups.given_up import give_up, given_up
from tabib.operations.backups.keep import repository_of
from tabib.operations.backups.kinds import KINDS, Filling
from tabib.operations.backups.prepared import prepared
from tabib.operations.backups.reached import Reached
from tabib.operations.backups.restored import Restored
from tabib.operations.backups.room import enough_room
from tabib.operations.backups.settle import settle_all
from tabib.operations.backups.shown import CHECK, RESTORE, Rows
from tabib.operations.backups.side_by_side import side_by_side
from tabib.operations.backups.specs import spec_of
from tabib.operations.backups.swap import Swap, prepare
from tabib.operations.backups.swapping import foreign_users, swap_in, users_of
from tabib.operations.backups.verifying import Looked, look_into, must_hold, note_verdict
from tabib.operations.backups.wal.forward import empty, fill_to
from tabib.operations.operation import Operation
from tabib.operations.stopping import until_stopped
from tabib.operations.tools import Tools
from tabib.ports import Repository


@dataclass(slots=True, kw_only=True)
class Phases:
    """The parts of a restore, told to its readers as they begin, and how long each took."""

    tools: Tools
    operation: Operation
    done: list[Phase] = field(default_factory=list)
    ended: dict[str, datetime] = field(default_factory=dict)

    @asynccontextmanager
    async def phase(self, name: str) -> AsyncIterator[None]:
        began = self.tools.clock.monotonic()
        self.operation.emit("phase", name=name)
        yield
        seconds = self.tools.clock.monotonic() - began
        self.done.append(Phase(name=name, seconds=round(seconds, 3)))
        self.ended[name] = self.tools.clock.now()


@dataclass(slots=True, kw_only=True)
class Restoring:
    """One attempt. Under the leases of the project and of its backups."""

    tools: Tools
    project: str
    wanted: Sequence[Dataset]
    operation: Operation
    reason: str
    snapshot: Snapshot
    began: float
    """By the monotonic clock: when it was decided."""
    decided: datetime
    """When it was decided: what was written by then is what may be lost."""
    to_time: datetime | None = None
    """Until when log is replayed, where some was kept; None: to its end."""
    exactly: bool = False
    """The copy as it was taken: no log is replayed."""
    regardless: bool = False
    """It is known to be of no good, and wanted: it is not looked at, which would alter it."""
    phases: Phases = field(init=False)
    swaps: dict[str, Swap] = field(default_factory=dict)
    looked: list[Looked] = field(default_factory=list)
    reached: dict[str, Reached] = field(default_factory=dict)
    """By data set: how far logs were replayed."""

    def __post_init__(self) -> None:
        self.phases = Phases(tools=self.tools, operation=self.operation)

    async def run(self) -> Restored:
        """
        :raises Damaged: the snapshot does not hold; nothing was changed.
        :raises StateUnusable: there is not enough room; nothing was changed.
        :raises NotHealthy: it was swapped in, and a service does not become healthy on it.
        """
        tools = self.tools
        from_ = sources(self.snapshot, self.wanted)
        observed = await tools.engine.observe(detail=False)
        enough_room(tools, self.snapshot, from_, observed=observed)
        try:
            foreign_users(self.project, observed, self.wanted)
            written = any(one.status in RUNNING for one in users_of(observed, self.wanted))
            async with self.phases.phase("fetch"):
                await until_stopped(self.operation, self._fetch(from_, observed))
            if self.snapshot.verified_at is None and not self.regardless:
                async with self.phases.phase("check"):
                    await until_stopped(self.operation, self._check(from_))
            self.operation.check_stop()
        except Interrupted as error:
            await asyncio.shield(self._clear())
            error.advice = "Nothing was changed."
            raise
        except BaseException:
            await asyncio.shield(self._clear())
            raise
        # From here on it is brought to its end, whoever asks to stop.
        swapped = await swap_in(
            tools,
            self.project,
            self.wanted,
            [self.swaps[one.dataset.name] for one in from_],
            self.operation,
            self.phases.phase,
            reason=self.reason,
            then=self._remember,
        )
        until = self.to_time or self.decided
        if self.to_time is None and written:
            # What ran on while the copy was fetched and looked at was written to until it stopped.
            until = max(until, self.phases.ended["stop"])
        told, whole = self._losses(from_, until)
        return Restored(
            snapshot=self.snapshot.id,
            taken_at=self.snapshot.taken_at,
            rpo_seconds=round(max((seconds for seconds, _ in told), default=0.0), 3),
            rto_seconds=round(tools.clock.monotonic() - self.began, 3),
            lost=tuple(words for _, words in told),
            whole=whole,
            nothing_lost=not told,
            phases=tuple(self.phases.done),
            kept=tuple(swapped.kept.values()),
            checks=tuple(line for one in self.looked for line in one.lines()),
            volumes=tuple(one.name for one in self.wanted),
            started=swapped.started,
        )

    async def _remember(self, kept: Mapping[str, str]) -> None:
        await give_up(
            self.tools,
            self.project,
            self.snapshot,
            self.wanted,
            began=self.decided,
            to_time=self.to_time,
            exactly=self.exactly,
            kept=kept,
        )

    def _losses(
        self, from_: Sequence[Source], until: datetime
    ) -> tuple[list[tuple[float, str]], tuple[str, ...]]:
        """What may be lost, in seconds and words; and of what it is known that nothing is."""
        told, whole = [], []
        for one in from_:
            name = one.dataset.name
            reached = self.reached.get(name)
            if reached is not None and reached.whole:
                whole.append(f"{name}: {reached.whole}")
            elif reached is not None:
                told.append(lost(one, until, reached=reached.until, cut=reached.cut))
            else:
                told.append(lost(one, until))
        return told, tuple(whole)

    async def _fetch(self, from_: Sequence[Source], observed: Observed) -> None:
        repository = await repository_of(self.tools, self.snapshot)
        rows = Rows(self.operation, self.project, RESTORE)
        rows.announce([one.dataset for one in from_], self.reason)

        async def one(source: Source) -> None:
            with rows.row(source.dataset) as progress:
                swap = await prepare(self.tools, self.project, source.dataset, observed)
                self.swaps[source.dataset.name] = swap
                work = await filling(self.tools, self.project, source, repository)
                work = replace(work, progress=progress)
                await self._fill(work, source, swap.place)

        await side_by_side(from_, one)

    async def _fill(self, work: Filling, source: Source, place: Place) -> None:
        """Write the copy, and replay the log that came after it."""
        kind, name = KINDS[source.part.dataset.kind], source.dataset.name
        if self.exactly:
            await kind.fill(work, source.part, place)
            return
        try:
            last = course(name, await given_up(self.tools, self.project))
            reached = await fill_to(work, source.part, place, to=self.to_time, last=last)
        except (CopyFailed, NotHealthy) as error:
            if self.to_time is not None or source.part.dataset.kind not in LOGGED:
                raise
            self.operation.note(
                f"{name}: restored as it was copied, for its log cannot be replayed: "
                f"{error.happened}",
                "warning",
            )
            await empty(self.tools, work.spec.image, place)
            await kind.fill(work, source.part, place)
            return
        if reached.rolled:
            self.reached[name] = reached
            self.operation.note(f"{name}: {reached.text}")

    async def _check(self, from_: Sequence[Source]) -> None:
        """A snapshot that no drill has looked at is looked at here, on the very place that will be
        swapped in.

        :raises Damaged: it does not hold.
        """
        began = self.tools.clock.monotonic()
        rows = Rows(self.operation, self.project, CHECK)
        rows.announce([one.dataset for one in from_], "no drill has looked at this snapshot")

        async def one(source: Source) -> Looked:
            with rows.row(source.dataset):
                spec = await spec_of(self.tools, self.project, source.dataset.service)
                place = self.swaps[source.dataset.name].place
                if source.dataset.name in self.reached:
                    # What was counted when it was copied is not what is there at a later time.
                    source = replace(source, part=replace(source.part, record={}))
                return await look_into(self.tools, source, place, spec, purpose="restore")

        self.looked = await side_by_side(from_, one)
        check = self.tools.clock.monotonic() - began
        phases = (*self.phases.done, Phase(name="check", seconds=round(check, 3)))
        took = sum(one.seconds for one in phases)
        if not self.reached or not all(one.ok for one in self.looked):
            # With log replayed it was not the snapshot alone that was looked at.
            await note_verdict(self.tools, self.snapshot, self.looked, phases, rto_seconds=took)
        must_hold(self.looked, self.snapshot.id)

    async def _clear(self) -> None:
        """Nothing of it is used: all that was made goes."""
        await settle_all(self.tools, await prepared(self.tools, self.project))


async def filling(tools: Tools, project: str, source: Source, repository: Repository) -> Filling:
    """What a data set is filled with."""
    spec = await spec_of(tools, project, source.dataset.service)
    return Filling(tools=tools, repository=repository, spec=spec)
