"""Restored data, looked at where nobody uses it: the service's image booted on it, and its data
compared with what was counted when it was copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tabib.decide.backups.restore import Source
from tabib.model.backup import DrillResult, Phase, Place, Snapshot
from tabib.model.container import RUNNING, ContainerSpec
from tabib.model.errors import Damaged, NotHealthy
from tabib.operations.backups.kinds import KINDS, Check
from tabib.operations.backups.scratch import booted, stop
from tabib.operations.backups.specs import idle
from tabib.operations.backups.tools import require
from tabib.operations.tools import Tools

NOT_OK = "NOT OK: "
"""Before what was found wrong."""
KILLED = (137, 143)
"""Exit codes of what was killed, by somebody or for want of memory."""
_PLAIN = ("files", "sqlite")
"""Kinds that are looked at without their service: it may need others to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found in the restored copy of one data set."""

    source: Source
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(one.ok for one in self.checks)

    def lines(self) -> list[str]:
        """What was found, one line each."""
        name = self.source.dataset.name
        return [f"{name}: {one.name}: {'' if one.ok else NOT_OK}{one.text}" for one in self.checks]


async def look_into(
    tools: Tools, source: Source, place: Place, spec: ContainerSpec, *, purpose: str
) -> Looked:
    """Boot and check; afterwards it is stopped in good order, and ``place`` can be used.

    What does not start is a check that failed, not an error.

    :raises NotHealthy: it was killed: nothing is known of the data.
    """
    part = source.part
    kind = KINDS[part.dataset.kind]
    plain = part.dataset.kind in _PLAIN
    if plain:
        spec = idle(spec, require(tools, "check", source.dataset.name).settings.image)
    target = source.dataset.target or part.dataset.target or "/data"
    try:
        async with booted(
            tools,
            spec,
            {target: place},
            purpose=purpose,
            ready=None if plain else kind.ready,
        ) as container:
            checks = await kind.check(tools, container, part)
            await _not_killed(tools, container, source)
            if not plain:
                await stop(tools, container)
    except NotHealthy as error:
        if error.details.get("exit_code") in KILLED:
            raise  # by somebody, or for want of memory: that says nothing of the data
        failed = Check(name="starts", ok=False, text=error.happened)
        return Looked(source=source, checks=(failed,))
    started = () if plain else (Check(name="starts", ok=True, text="its image runs on it"),)
    return Looked(source=source, checks=(*started, *checks))


async def _not_killed(tools: Tools, container: str, source: Source) -> None:
    state = await tools.engine.look(container)
    if state.status not in RUNNING:
        raise NotHealthy(
            f"its container ended with exit code {state.exit_code} while it was looked at",
            attempted="check restored data of",
            target=source.dataset.name,
            advice="Try again.",
            details={"exit_code": 137},
        )


def must_hold(looked: list[Looked], snapshot: str) -> None:
    """
    :raises Damaged: something that was looked at is not as it shall be.
    """
    wrong = [line for one in looked if not one.ok for line in one.lines() if NOT_OK in line]
    if wrong:
        raise Damaged(
            f"what was restored from it does not hold: {'; '.join(wrong)[:600]}",
            attempted="restore snapshot",
            target=snapshot,
            advice="An older one may: `tabib snapshots`, then `tabib restore --snapshot ID`.",
            details={"checks": wrong},
        )


async def note_verdict(
    tools: Tools,
    snapshot: Snapshot,
    looked: Sequence[Looked],
    phases: tuple[Phase, ...],
    *,
    rto_seconds: float,
    logs: Sequence[Looked] = (),
) -> Snapshot:
    """What was found is known of the snapshot from now on; only a look at all of it verifies it.
    What was found of its ``logs`` is told, and says nothing of the snapshot.
    The snapshot as it is in the journal then."""
    current = await tools.journal.snapshot(snapshot.id)
    if current is None:  # let go meanwhile
        return snapshot
    good = all(one.ok for one in looked)
    seen = {one.source.part.dataset.name for one in looked}
    if good and seen != {part.dataset.name for part in current.parts}:
        return current
    result = DrillResult(
        at=tools.clock.now(),
        outcome="passed" if good else "failed",
        rto_seconds=round(rto_seconds, 3),
        phases=phases,
        checks=tuple(line for one in (*looked, *logs) for line in one.lines()),
    )
    changed = replace(current, drill=result, verified_at=result.at if good else None)
    await tools.journal.put_snapshot(changed)
    return changed
