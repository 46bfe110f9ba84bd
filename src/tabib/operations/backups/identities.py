"""What each data set is while it is well: recorded at first health and after each snapshot, and
compared with what is there now.

On a local engine a look is a few stats of its folder; elsewhere what the volume's labels say. While
a project's data is not what it was, its retention is frozen: no good snapshot goes.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from tabib.decide.backups.identity import Comparison, Sameness, Seen, compare, ripened
from tabib.host import data_root
from tabib.model.backup import Dataset, Identity, Place
from tabib.model.container import LABEL_VOLUME_GENERATION, LABEL_VOLUME_ID, Observed, VolumeState
from tabib.model.incident import DataState
from tabib.operations.backups.datasets import datasets
from tabib.operations.tools import Tools
from tabib.operations.volumes import holding

log = structlog.get_logger("tabib.data")

WALK_S = 1.0
WALK_FILES = 50_000
"""A folder is measured within these bounds; what is larger is known by its snapshots."""
ROOM_BYTES = 1_000_000
"""A disk with less left is full: no database can go on."""
LOOK_S = 2.0
"""A folder from elsewhere that answers later than this was not looked at."""


async def learn(
    tools: Tools, project: str, *, services: Collection[str] = (), sizes: bool = True
) -> list[DataState]:
    """Look at the project's data sets (of ``services``; empty: all): those that are what they were,
    and those that are new, are recorded; what differs is told, and its record is left.

    ``sizes``: measure what is small enough.

    :raises TabibError: the engine does not answer, or the journal cannot be used.
    """
    observed = await tools.engine.observe(detail=False)
    known = {one.dataset: one for one in await tools.journal.identities(tools.info.id, project)}
    states = []
    for one in await datasets(tools, project):
        if services and not {one.service, *one.services} & set(services):
            continue
        if one.kind == "cache":
            continue
        state = await _learn(tools, project, one, known.get(one.name), observed, sizes)
        if state is not None:
            states.append(state)
    return states


async def _learn(
    tools: Tools,
    project: str,
    dataset: Dataset,
    known: Identity | None,
    observed: Observed,
    sizes: bool,
) -> DataState | None:
    fresh = _blank(dataset, tools.clock.now(), _volume(observed, dataset.place))
    seen = await _see(tools, known or fresh, observed, sizes=sizes)
    if known is not None and known.place == dataset.place:
        found = compare(known, seen)
        if found.verdict is not Sameness.SAME:
            return _state(known, seen, found)
    elif not seen.there:
        return None
    await tools.journal.put_identity(tools.info.id, project, _known_as(fresh, seen, known))
    return None


async def look(
    tools: Tools,
    project: str,
    observed: Observed | None = None,
    *,
    service: str = "",
    room: bool = False,
) -> list[DataState]:
    """What became of the known data sets of the project (of those that ``service`` runs), each;
    cheap. Of one that was empty when it was recorded, what has come into it since is recorded.
    ``room``: also whether the file system of one that is the same can take anything more.

    :raises TabibError: the engine does not answer, or the journal cannot be read.
    """
    known = await tools.journal.identities(tools.info.id, project)
    known = [one for one in known if not service or one.service == service]
    if not known:
        return []
    observed = observed or await tools.engine.observe(detail=False)
    states = []
    for one in known:
        seen = await _see(tools, one, observed, sizes=False)
        found = compare(one, seen)
        state = _state(one, seen, found)
        if room and tools.info.local and found.verdict is Sameness.SAME:
            state = await _roomed(one, state, _path(one.place, _volume(observed, one.place)))
        states.append(state)
        if found.verdict is Sameness.SAME and ripened(one, seen):
            fresh = replace(one, seen_at=tools.clock.now(), size_bytes=None, files=None)
            await tools.journal.put_identity(tools.info.id, project, _known_as(fresh, seen, None))
    return states


async def accept(tools: Tools, project: str, names: Collection[str] = ()) -> None:
    """What is there now is what it shall be (of the data sets ``names``; empty: all): a person
    says so, or a restore brought it. Retention goes on.

    :raises TabibError: the engine does not answer, or the journal cannot be used.
    """
    observed = await tools.engine.observe(detail=False)
    for one in await datasets(tools, project):
        if (names and one.name not in names) or one.kind == "cache":
            continue
        fresh = _blank(one, tools.clock.now(), _volume(observed, one.place))
        seen = await _see(tools, fresh, observed, sizes=True)
        if seen.there:
            identity = _known_as(fresh, seen, None)
            await tools.journal.put_identity(tools.info.id, project, identity)
        else:
            await let_go(tools, project, {one.place.source})
    await thaw(tools, project, names)


async def let_go(tools: Tools, project: str, volumes: Collection[str]) -> None:
    """Volumes (by the engine's names, folders by their paths) are removed at a person's word: they
    are missed no more."""
    known = await tools.journal.identities(tools.info.id, project)
    left = [one for one in known if one.place.source not in volumes]
    if left != known:
        await tools.journal.forget_identities(tools.info.id, project)
        for one in left:
            await tools.journal.put_identity(tools.info.id, project, one)
        gone = {one.dataset for one in known} - {one.dataset for one in left}
        await thaw(tools, project, gone)


# ── retention ──────────────────────────────────────────────────────────────────────────────────


async def freeze(tools: Tools, project: str, states: Collection[DataState]) -> None:
    """From now on no snapshot of the project is let go: its data is not what it was."""
    held = await _frozen(tools, project)
    now = tools.clock.now().isoformat()
    for one in states:
        before = held.get(one.dataset)
        since = before["since"] if before else now
        held[one.dataset] = {"since": since, "verdict": one.verdict, "text": one.text}
    await _put_frozen(tools, project, held)


async def thaw(tools: Tools, project: str, names: Collection[str] = ()) -> bool:
    """Retention goes on (as far as ``names`` held it up; empty: all); whether it was frozen."""
    held = await _frozen(tools, project)
    left = {name: one for name, one in held.items() if names and name not in names}
    if left == held:
        return False
    await _put_frozen(tools, project, left)
    return True


async def frozen(tools: Tools, project: str) -> str:
    """Why no snapshot of the project is let go now; ``""`` where retention goes on."""
    held = await _frozen(tools, project)
    return "; ".join(str(one["text"]) for one in held.values())


async def frozen_datasets(tools: Tools, project: str) -> dict[str, datetime]:
    """The data sets that hold retention up → since when."""
    held = await _frozen(tools, project)
    return {name: datetime.fromisoformat(one["since"]) for name, one in held.items()}


async def held_up(tools: Tools, project: str) -> dict[str, str]:
    """The data sets that hold retention up → what became of them."""
    held = await _frozen(tools, project)
    return {name: str(one["verdict"]) for name, one in held.items()}


async def _frozen(tools: Tools, project: str) -> dict[str, dict[str, Any]]:
    text = await tools.journal.get_setting(_key(tools, project))
    return dict(json.loads(text)) if text else {}


async def _put_frozen(tools: Tools, project: str, held: Mapping[str, Any]) -> None:
    await tools.journal.put_setting(_key(tools, project), json.dumps(held) if held else "")


def _key(tools: Tools, project: str) -> str:
    return f"retention-frozen:{tools.info.id}:{project}"


# ── looks ──────────────────────────────────────────────────────────────────────────────────────


def _volume(observed: Observed, place: Place) -> VolumeState | None:
    if place.type != "volume":
        return None
    return next((one for one in observed.volumes if one.name == place.source), None)


async def _see(tools: Tools, known: Identity, observed: Observed, *, sizes: bool) -> Seen:
    """The data set of ``known`` as it is."""
    volume = _volume(observed, known.place)
    labels = volume.labels if volume else {}
    number = labels.get(LABEL_VOLUME_GENERATION, "")
    seen = Seen(
        volume_id=labels.get(LABEL_VOLUME_ID, ""),
        generation=int(number) if number.isdigit() else None,
    )
    if known.place.type == "volume" and volume is None:
        return await _without_name(tools, known, sizes)
    path = _path(known.place, volume)
    if not tools.info.local:
        return replace(seen, there=True)
    return await _at(tools, path, known, seen, sizes)


async def _without_name(tools: Tools, known: Identity, sizes: bool) -> Seen:
    """The engine has no volume of this name. Data that tabib holds may be there all the same: it is
    attached again (decision 0010)."""
    gone = Seen(there=False, why="the engine has no such volume")
    held = await holding(tools, known.place.source)
    if not tools.info.local or held is None or held.id != known.volume_id:
        return gone
    if held.released:
        return Seen(why="`tabib down -v` let it go")
    path = str(tools.state.volume_directory(held.id, held.generation))
    seen = Seen(volume_id=held.id, generation=held.generation)
    return await _at(tools, path, known, seen, sizes)


async def _roomed(known: Identity, state: DataState, path: str) -> DataState:
    """``full`` in place of ``same`` where nothing more can be written."""
    try:
        async with asyncio.timeout(LOOK_S):
            found = await asyncio.to_thread(os.statvfs, path)
    except (OSError, TimeoutError):
        return state
    left = found.f_bavail * found.f_frsize
    inodes = not found.f_files or bool(found.f_favail)
    if left >= ROOM_BYTES and inodes:
        return state
    what = f"{left / 1000:.0f} kB" if inodes else "no inode"
    return replace(state, verdict="full", text=f"the disk of {known.dataset} has {what} left")


def _path(place: Place, volume: VolumeState | None) -> str:
    if volume is None:
        return place.source
    device = volume.options.get("device", "")
    bound = "bind" in volume.options.get("o", "").split(",") and device.startswith("/")
    return device if bound else volume.mountpoint


async def _at(tools: Tools, path: str, known: Identity, seen: Seen, sizes: bool) -> Seen:
    if not path:
        return replace(seen, there=None, why="its folder is not known")
    marks = tuple(dict.fromkeys((*known.marks, *data_root.marks_of(known.kind, known.inner))))
    at = partial(data_root.look, path, known.kind, known.inner, marks, now=tools.clock.now())
    try:
        if known.place.type == "volume":
            root = at()
        else:
            # A folder of the user's own may be on another machine's disk.
            async with asyncio.timeout(LOOK_S):
                root = await asyncio.to_thread(at)
    except (OSError, TimeoutError) as error:
        why = f"its folder could not be looked at: {error or 'it does not answer'}"
        return replace(seen, there=None, why=why)
    if not root.there:
        return replace(seen, there=False, why=f"there is no folder {path}")
    found = replace(
        seen,
        there=True,
        empty=root.empty,
        root=root.root,
        marks=root.marks,
        database=root.database,
        since=root.since,
    )
    another = known.database and root.database not in ("", known.database)
    if not sizes and not another:
        return found
    measured = await _measured(path)
    return replace(found, size_bytes=measured[0], files=measured[1]) if measured else found


async def _measured(path: str) -> tuple[int, int] | None:
    """Bytes and files; between the steps others get their turn."""
    for step in data_root.measuring(path, within_s=WALK_S, at_most=WALK_FILES):
        if step is not None:
            return step
        await asyncio.sleep(0)
    return None


def _blank(dataset: Dataset, now: datetime, volume: VolumeState | None) -> Identity:
    labels = volume.labels if volume else {}
    number = labels.get(LABEL_VOLUME_GENERATION, "")
    return Identity(
        dataset=dataset.name,
        place=dataset.place,
        seen_at=now,
        volume_id=labels.get(LABEL_VOLUME_ID, ""),
        generation=int(number) if number.isdigit() else None,
        kind=dataset.kind,
        service=dataset.service,
        inner=dataset.inner,
        marks=dataset.files,
    )


def _known_as(fresh: Identity, seen: Seen, known: Identity | None) -> Identity:
    """The record of what was seen; what could not be measured now stays as it was."""
    kept = known if known is not None and known.place == fresh.place else None
    return replace(
        fresh,
        root=seen.root,
        database=seen.database or (kept.database if kept else ""),
        marks=seen.marks or (),
        size_bytes=_or(seen.size_bytes, kept.size_bytes if kept else None),
        files=_or(seen.files, kept.files if kept else None),
    )


def _or(first: int | None, other: int | None) -> int | None:
    return other if first is None else first


def _state(known: Identity, seen: Seen, found: Comparison) -> DataState:
    return DataState(
        dataset=known.dataset,
        kind=known.kind,
        verdict=str(found.verdict),
        text=found.text,
        engine=found.engine,
        since=seen.since,
        well_at=known.seen_at,
    )
