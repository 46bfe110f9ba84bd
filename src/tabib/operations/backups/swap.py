"""How restored data takes the place of what was there, and what was there is kept.

Four ways, by where the data lies: a volume that tabib holds gets its next generation; a folder of
this machine, and the folder of a volume that the engine here made, is exchanged at one moment with
one beside it; anything else (remote engines, volumes with options of their own) keeps its volume,
and gets new content once a verified copy of the old one was made. Each place is noted in the
journal before it is made (``prepared.py``), so that what a death leaves can be settled.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from tabib.model.backup import Dataset, Place
from tabib.model.container import (
    LABEL_OWNER,
    LABEL_PROJECT,
    LABEL_VOLUME,
    Observed,
    VolumeSpec,
    VolumeState,
)
from tabib.model.errors import Bug, StartFailed
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Verb
from tabib.operations import volumes
from tabib.operations.backups import prepared as notes
from tabib.operations.backups.content import overwrite, set_aside
from tabib.operations.backups.prepared import COPY, EXCHANGING, FOLDER, GENERATION, VOLUME, Prepared
from tabib.operations.backups.settle import removed, settle, volume_step
from tabib.operations.backups.tools import require
from tabib.operations.tools import Tools
from tabib.stores.exchange import exchange, mark
from tabib.stores.volumes import generations, generations_supported

KEPT = "kept"
"""The value of LABEL_HELPER on a volume that holds what was there before a restore."""
LABEL_KEPT_OF = "tabib.kept-of"
LABEL_KEPT_PROJECT = "tabib.kept-project"


class Swap(Protocol):
    """The exchange of one data set; each call is made once, in this order. What was prepared and is
    not exchanged is removed by ``settle``."""

    dataset: Dataset
    place: Place
    """What is filled; nobody uses it."""

    async def prepare(self) -> None:
        """Make :attr:`place`, empty."""
        ...

    async def exchange(self) -> str:
        """Put it in place of the old data, which nobody uses any more; where that is kept now.

        Cut off anywhere, the old data or the new is used after ``settle``, which removes the other
        where that is the new.
        """
        ...

    async def undo(self) -> None:
        """After :meth:`exchange`: the old data is used again, the new is what is kept."""
        ...


async def prepare(tools: Tools, project: str, dataset: Dataset, observed: Observed) -> Swap:
    """The way for a data set, and an empty place that nobody uses."""
    swap = await _swap_for(tools, project, dataset, observed)
    try:
        await swap.prepare()
    except NotSeen:
        swap = CopySwap(tools, project, dataset)
        await swap.prepare()
    return swap


class NotSeen(Exception):
    """The engine's folders are not to be seen from here, though it is on this machine."""


async def _swap_for(tools: Tools, project: str, dataset: Dataset, observed: Observed) -> Swap:
    here = tools.info.local and generations_supported(os.geteuid())
    if dataset.place.type == "bind":
        if here and _can_be_renamed(Path(dataset.place.source)):
            return FolderSwap(tools, project, dataset)
        return CopySwap(tools, project, dataset)
    name = dataset.place.source
    present = next((one for one in observed.volumes if one.name == name), None)
    held = await volumes.holding(tools, name)
    ours = held is not None and (
        present is None or present.options.get("device", "").startswith(str(tools.state.path))
    )
    if ours and held is not None:
        return GenerationSwap(tools, project, dataset, held)
    if present is None and here and not await _adopted(tools, project):
        held = volumes.Holding(id=tools.new_id(), generation=0)
        return GenerationSwap(tools, project, dataset, held)
    if here and (present is None or _plain(present)):
        return VolumeSwap(tools, project, dataset, present)
    return CopySwap(tools, project, dataset)


async def _adopted(tools: Tools, project: str) -> bool:
    record = await tools.journal.care(tools.info.id, project)
    return record is not None and bool(record.adopted)


def _plain(volume: VolumeState) -> bool:
    """Whether the engine keeps it in a folder of its own on this machine."""
    return volume.driver == "local" and not volume.options and os.path.isdir(volume.mountpoint)


def _can_be_renamed(folder: Path) -> bool:
    return not folder.is_symlink() and not os.path.ismount(folder) and folder.parent.is_dir()


async def exchange_all(tools: Tools, swaps: Sequence[Swap]) -> dict[str, str]:
    """Exchange every data set; where the old data of each is kept, by its name, of those that had
    any. Those in generations change at one moment, last: what fails or is cut off before leaves
    them all as they were.

    :raises TabibError: one cannot be exchanged; what could be undone of the others was.
    """
    kept = {}
    done: list[Swap] = []
    held = [one for one in swaps if isinstance(one, GenerationSwap)]
    try:
        for one in sorted(swaps, key=lambda each: not isinstance(each, CopySwap)):
            if not isinstance(one, GenerationSwap):
                kept[one.dataset.name] = await one.exchange()
                done.append(one)
        await GenerationSwap.use(tools, held)
    except BaseException:
        for one in reversed(done):
            await one.undo()
        raise
    kept |= {one.dataset.name: one.kept() for one in held}
    return {name: where for name, where in kept.items() if where}


@dataclass(slots=True)
class GenerationSwap:
    """A volume that tabib holds in folders of its own (``docs/decisions/0004-…``). Its name is made
    anew, so its containers are too."""

    tools: Tools
    project: str
    dataset: Dataset
    old: volumes.Holding
    number: int = 0
    """Of the generation that is used from the exchange on."""
    place: Place = field(init=False)
    note: Prepared | None = field(init=False, default=None)

    @property
    def name(self) -> str:
        return self.dataset.place.source

    async def prepare(self) -> None:
        there = generations(self.tools.state.path, self.old.id)
        self.number = max([self.old.generation, *there]) + 1
        self.note = await notes.note(
            self.tools,
            Prepared(
                id=self.tools.new_id(),
                project=self.project,
                dataset=self.dataset.name,
                way=GENERATION,
                volume=self.name,
                volume_id=self.old.id,
                generation=self.number,
            ),
        )
        folder = self.tools.state.make_volume_directory(self.old.id, self.number)
        self.place = Place(type="bind", source=str(folder))

    async def exchange(self) -> str:
        await GenerationSwap.use(self.tools, [self])
        return self.kept()

    @staticmethod
    async def use(tools: Tools, swaps: Sequence[GenerationSwap]) -> None:
        """From now on the volumes are attached to their new generations: all of them, or none."""
        values: dict[str, str | None] = {}
        for one in swaps:
            held = volumes.Holding(id=one.old.id, generation=one.number)
            values |= volumes.setting(tools, one.name, held)
            if one.note is not None:
                values |= notes.forgotten(tools, one.note)
        if values:
            await tools.journal.put_settings(values)

    def kept(self) -> str:
        if not self.old.generation:
            return ""
        folder = self.tools.state.volume_directory(self.old.id, self.old.generation)
        return str(folder) if folder.is_dir() else ""

    async def undo(self) -> None:
        await volumes.put(self.tools, self.name, self.old)


@dataclass(slots=True)
class _Exchanged:
    """Two folders that are exchanged at one moment."""

    tools: Tools
    project: str
    dataset: Dataset
    place: Place = field(init=False)
    note: Prepared | None = field(init=False, default=None)

    async def exchange(self) -> str:
        note = self.note
        assert note is not None, "prepared first"
        try:
            await asyncio.to_thread(exchange, Path(note.path), Path(note.beside))
        except OSError as error:
            raise StartFailed(
                f"its folder cannot be exchanged: {error.strerror}",
                attempted="swap in restored data at",
                target=note.path,
                advice="Is something mounted there? What was there is as it was.",
            ) from error
        await notes.forget(self.tools, note)
        return note.kept

    async def undo(self) -> None:
        if self.note is not None:
            if self.note.mark:  # noted again: it is the new data that nobody uses then
                await notes.note(self.tools, self.note)
            await asyncio.to_thread(exchange, Path(self.note.path), Path(self.note.beside))


class FolderSwap(_Exchanged):
    """A folder of this machine, filled beside."""

    async def prepare(self) -> None:
        tools = self.tools
        folder = Path(self.dataset.place.source)
        at = tools.clock.now()
        beside = folder.with_name(f"{folder.name}.before-{at:%Y%m%dT%H%M%S}-{tools.new_id()}")
        self.note = await notes.note(
            tools,
            Prepared(
                id=tools.new_id(),
                project=self.project,
                dataset=self.dataset.name,
                way=FOLDER,
                path=str(folder),
                beside=str(beside),
                kept=str(beside),
            ),
        )
        beside.mkdir(mode=0o755)
        folder.mkdir(mode=0o755, exist_ok=True)  # gone: then an empty one is what is kept
        self.note = await notes.advance(tools, self.note, mark=mark(beside))
        self.place = Place(type="bind", source=str(beside))


@dataclass(slots=True)
class VolumeSwap(_Exchanged):
    """A volume that the engine of this machine keeps in a folder of its own."""

    present: VolumeState | None = None

    async def prepare(self) -> None:
        tools, name = self.tools, self.dataset.place.source
        aside = _aside_name(self.dataset, KEPT, tools.new_id())
        note = Prepared(
            id=tools.new_id(),
            project=self.project,
            dataset=self.dataset.name,
            way=VOLUME,
            volume=name,
            aside=aside,
            kept=f"volume {aside}",
        )
        self.note = await notes.note(tools, note)
        if self.present is None:
            labels = {LABEL_PROJECT: self.project, LABEL_VOLUME: self.dataset.name}
            await volume_step(tools, Verb.CREATE_VOLUME, name, VolumeSpec(name=name, labels=labels))
        await volume_step(tools, Verb.CREATE_VOLUME, aside, _kept_spec(self, aside))
        seen = await tools.engine.observe(detail=False)
        folders = {one.name: one.mountpoint for one in seen.volumes}
        beside = folders[aside]
        if not os.path.isdir(beside):  # its name is new: no other engine has such a one
            await settle(tools, self.note)
            raise NotSeen
        self.note = await notes.advance(
            tools, note, path=folders[name], beside=beside, mark=mark(Path(beside))
        )
        self.place = Place(type="volume", source=aside)


@dataclass(slots=True)
class CopySwap:
    """What is not ours to exchange: its content is, by helpers beside it."""

    tools: Tools
    project: str
    dataset: Dataset
    place: Place = field(init=False)
    note: Prepared | None = field(init=False, default=None)

    async def prepare(self) -> None:
        tools, id = self.tools, self.tools.new_id()
        aside = _aside_name(self.dataset, "restoring", id)
        self.note = await notes.note(
            tools,
            Prepared(
                id=id,
                project=self.project,
                dataset=self.dataset.name,
                way=COPY,
                path=self.dataset.place.source,
                place_type=self.dataset.place.type,
                aside=aside,
                kept=_aside_name(self.dataset, KEPT, id),
                image=require(tools, "restore", self.dataset.name).settings.image,
            ),
        )
        labels = {LABEL_HELPER: "restoring", LABEL_OWNER: tools.installation}
        spec = VolumeSpec(name=aside, labels=labels)
        await volume_step(tools, Verb.CREATE_VOLUME, aside, spec)
        self.place = Place(type="volume", source=aside)

    async def exchange(self) -> str:
        tools, note = self.tools, self.note
        assert note is not None, "prepared first"
        spec = _kept_spec(self, note.kept)
        await volume_step(tools, Verb.CREATE_VOLUME, note.kept, spec)
        await set_aside(tools, note)
        # From here on the old content is only there: what is cut off is completed, not begun anew.
        self.note = await notes.advance(tools, note, stage=EXCHANGING)
        await overwrite(tools, note)
        await notes.forget(tools, note)
        await removed(tools, note.aside)
        return f"volume {note.kept}"

    async def undo(self) -> None:
        """It was exchanged for good; what it was is in the volume that is named as kept."""


def back_to(
    tools: Tools,
    project: str,
    dataset: Dataset,
    *,
    held: volumes.Holding | None = None,
    number: int = 0,
    folder: Path | None = None,
    volume: VolumeState | None = None,
    observed: Observed | None = None,
) -> Swap:
    """The exchange with what an earlier one kept: a generation, a folder or a volume. It is there,
    so there is nothing to prepare; and nothing is noted that would let it go."""
    note = Prepared(id=tools.new_id(), project=project, dataset=dataset.name, way=FOLDER)
    if held is not None:
        return GenerationSwap(tools, project, dataset, held, number)
    if folder is not None:
        back = FolderSwap(tools, project, dataset)
        where = str(folder)
        back.note = replace(note, path=dataset.place.source, beside=where, kept=where)
        return back
    if volume is None or observed is None:
        raise Bug("nothing to go back to", attempted="undo a restore of", target=dataset.name)
    present = next((one for one in observed.volumes if one.name == dataset.place.source), None)
    if present is not None and _plain(present) and _plain(volume):
        way = VolumeSwap(tools, project, dataset, present)
        way.note = replace(
            note,
            way=VOLUME,
            path=present.mountpoint,
            beside=volume.mountpoint,
            aside=volume.name,
            kept=f"volume {volume.name}",
        )
        return way
    copy = CopySwap(tools, project, dataset)
    copy.note = replace(
        note,
        way=COPY,
        path=dataset.place.source,
        place_type=dataset.place.type,
        aside=volume.name,
        kept=_aside_name(dataset, KEPT, note.id),
        image=require(tools, "restore", dataset.name).settings.image,
    )
    return copy


def _aside_name(dataset: Dataset, what: str, id: str) -> str:
    base = dataset.place.source.strip("/").replace("/", "_")
    return f"{base}_{what}_{id}"


def _kept_spec(swap: VolumeSwap | CopySwap, name: str) -> VolumeSpec:
    labels = {
        LABEL_HELPER: KEPT,
        LABEL_OWNER: swap.tools.installation,
        LABEL_KEPT_OF: swap.dataset.place.source,
        LABEL_KEPT_PROJECT: swap.project,
    }
    return VolumeSpec(name=name, labels=labels)
