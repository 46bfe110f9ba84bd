"""Whoever writes to a data set, held still while its files are copied; and let go after a crash.

Each pause and stop is a plan applied by ``execute``: announced in the journal, ours to triage. What
a dead daemon left paused or stopped is found there again by :func:`let_go_left`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from tabib.decide.onestep import on_container
from tabib.model.backup import Dataset, Place
from tabib.model.container import RUNNING, ContainerState, MountState, VolumeState
from tabib.model.errors import NotFound, StateUnusable, TabibError, from_wire
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Plan, Step, Verb
from tabib.operations.execute import execute
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.ports.uninterrupted import uninterrupted

log = structlog.get_logger("tabib.backup")

REASON = "its data is being copied"
DONE = "its data has been copied"
_LATELY = timedelta(days=2)
_READ = 5_000
_AGAIN_S = (0.2, 1.0, 3.0, 10.0, 30.0)
"""How long it is waited before one that the engine did not let go is tried again."""
_BACK = {Verb.PAUSE_CONTAINER: Verb.UNPAUSE_CONTAINER, Verb.STOP_CONTAINER: Verb.START_CONTAINER}


async def writers(tools: Tools, dataset: Dataset, project: str | None) -> list[ContainerState]:
    """The containers that run (or are paused) and may write to the place."""
    seen = await tools.engine.observe(project or None, detail=False)
    volumes = {one.name for one in seen.volumes if _lies_at(one, dataset.place)}
    return [
        one
        for one in seen.containers
        if one.status in RUNNING
        and LABEL_HELPER not in one.labels
        and any(_is(mount, dataset.place, volumes) and not mount.read_only for mount in one.mounts)
    ]


def _lies_at(volume: VolumeState, place: Place) -> bool:
    """A volume in generations is a name for a folder of tabib's."""
    if place.type == "volume":
        return volume.name == place.source
    return volume.options.get("device", "").rstrip("/") == place.source.rstrip("/")


def _is(mount: MountState, place: Place, volumes: set[str]) -> bool:
    if mount.name in volumes:
        return True
    return place.type == "bind" and mount.source.rstrip("/") == place.source.rstrip("/")


@asynccontextmanager
async def still(
    tools: Tools,
    containers: Sequence[ContainerState],
    verb: Verb,
    *,
    project: str,
    operation: Operation | None = None,
) -> AsyncIterator[None]:
    """Pause or stop ``containers`` within the block; those that are so already stay so after it.

    Cancelled at any moment, they are let go before it ends.

    :raises TabibError: one could not be held, and the others are let go; or one could not be let
        go again, and is named.
    """
    at_rest = ("paused",) if verb is Verb.PAUSE_CONTAINER else ()
    mine = [one for one in containers if one.status not in at_rest]
    operation = operation or Operation(tools.new_id(), "backup", project)
    plan = Plan(project=project, steps=tuple(on_container(verb, one, REASON) for one in mine))
    try:
        if mine:
            holding = execute(tools, plan, operation)
            if verb is Verb.PAUSE_CONTAINER:
                # A call that is given up may pause it yet, once it was let go.
                holding = uninterrupted(holding)
            (await holding).raise_first(plan, "backup")
        yield
    finally:
        if mine:
            # Whatever happens meanwhile, and whoever asked to stop: they are let go.
            await uninterrupted(_let_go(tools, mine, _BACK[verb], project))


async def _let_go(
    tools: Tools, containers: Sequence[ContainerState], verb: Verb, project: str
) -> None:
    """Tried again where it fails, for nobody else would do it. One that is gone, or is held no
    more, is let go.

    :raises TabibError: one could not be let go, and is named.
    """
    steps = tuple(on_container(verb, one, DONE) for one in containers)
    for pause_s in (*_AGAIN_S, None):
        failed = await _tried(tools, steps, project)
        steps = tuple([one for one in steps if one.id in failed and await _held(tools, one)])
        if not steps:
            return
        names = " ".join(one.subject.removeprefix("container ") for one in steps)
        error = failed[steps[0].id]
        log.error("backup.not_let_go", containers=names, why=str(error))
        if pause_s is None:
            word = "unpause" if verb is Verb.UNPAUSE_CONTAINER else "start"
            how = "paused" if verb is Verb.UNPAUSE_CONTAINER else "stopped"
            error.advice = f"It is {how} since it was copied: `docker {word} {names}`."
            raise error
        await asyncio.sleep(pause_s)


async def _tried(tools: Tools, steps: Sequence[Step], project: str) -> dict[str, TabibError]:
    """Why steps failed, by their ids."""
    plan = Plan(project=project, steps=tuple(steps))
    try:
        execution = await execute(tools, plan, Operation(tools.new_id(), "backup", project))
    except StateUnusable as error:
        # What is not in the journal is not done, but for this: it would stay paused for ever.
        log.error("backup.let_go_unrecorded", project=project, why=str(error))
        return await _unrecorded(tools, steps)
    return {one.step_id: from_wire(one.error or {}) for one in execution.failures()}


async def _held(tools: Tools, step: Step) -> bool:
    """Whether what was to be let go by the step is held yet, as far as is known."""
    try:
        state = await tools.engine.look(step.target)
    except NotFound:
        return False
    except TabibError:
        return True
    return state.status == ("paused" if step.verb is Verb.UNPAUSE_CONTAINER else "exited")


async def _unrecorded(tools: Tools, steps: Sequence[Step]) -> dict[str, TabibError]:
    failed = {}
    for one in steps:
        try:
            await tools.engine.apply(one)
        except TabibError as error:
            failed[one.id] = error
    return failed


async def let_go_left(tools: Tools) -> None:
    """After the daemon died: unpause what it had paused for a copy, start what it had stopped.
    To be called before care begins to look; trouble with one harms no other."""
    entries = await tools.journal.entries(
        engine_id=tools.info.id,
        kinds=("intent",),
        since=tools.clock.now() - _LATELY,
        limit=_READ,
    )
    last = {}
    for entry in entries:
        verb = Verb(str(entry.data.get("verb", "")))
        if verb in _BACK or verb in _BACK.values():
            last[str(entry.data.get("target", ""))] = (verb, entry)
    for target, (verb, entry) in last.items():
        if verb not in _BACK or entry.data.get("reason") != REASON:
            continue
        try:
            state = await tools.engine.look(target)
            if state.status == ("paused" if verb is Verb.PAUSE_CONTAINER else "exited"):
                log.warning("backup.let_go", container=state.name, was=state.status)
                await _let_go(tools, [state], _BACK[verb], entry.project)
        except NotFound:
            continue
        except TabibError as error:
            log.error("backup.not_let_go", container=entry.subject, why=str(error))
