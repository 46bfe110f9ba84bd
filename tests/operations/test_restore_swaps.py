"""The ways in which restored data takes the place of what was there, on a real engine: whole, cut
off, undone; and that nothing starts on what is half exchanged."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.backups import DataHouse
from support.real_engine import ensure_images
from tabib.model.backup import Dataset, Place
from tabib.model.container import VolumeSpec
from tabib.model.errors import Damaged, NotFound, Refused
from tabib.model.plan import Verb
from tabib.model.settings import BackupSettings
from tabib.operations.backups import content, swap
from tabib.operations.backups.kinds.places import at_place
from tabib.operations.backups.prepared import EXCHANGING, prepared
from tabib.operations.backups.settle import must_be_whole, settle, settle_all, volume_step
from tabib.operations.backups.swap import CopySwap, FolderSwap, VolumeSwap
from tabib.operations.backups.tools import BackupTools
from tabib.stores.exchange import exchange, mark, repair

pytestmark = pytest.mark.engine
IMAGE = "busybox:1.36"
root = pytest.mark.skipif(os.geteuid() != 0, reason="folders of the engine are root's")


class Ground:
    """A volume with old data, in a project called ``shop``."""

    def __init__(self, house: DataHouse) -> None:
        self.house, self.tools = house, house.tools
        self.tools.backups = BackupTools(
            repositories=None,  # type: ignore[arg-type]
            settings=BackupSettings(image=IMAGE),
        )
        self.volume = f"{house.prefix}_data"
        self.dataset = Dataset(
            name="data",
            place=Place(type="volume", source=self.volume),
            kind="files",
            service="web",
        )

    async def begin(self) -> None:
        spec = VolumeSpec(name=self.volume, labels={"of": "somebody"})
        await volume_step(self.tools, Verb.CREATE_VOLUME, self.volume, spec)
        await self.fill(self.dataset.place, "old")

    async def fill(self, place: Place, word: str) -> None:
        script = 'cd /tabib-place && mkdir -p in && for at in a in/b; do echo "$1" > $at; done'
        script += " && chown 33:44 a && chmod 600 a && ln -sf a l"
        ran = await at_place(self.tools, IMAGE, place, script, word)
        assert ran.exit_code == 0, ran

    async def read(self, place: Place) -> str:
        script = "cd /tabib-place && cat a in/b l | sort -u && stat -c %u:%g:%a a"
        ran = await at_place(self.tools, IMAGE, place, script)
        words = ran.text.split()
        assert words[1:] == ["33:44:600"], ran
        return words[0]

    async def made(self) -> Any:
        """The way of such a data set, with its new data ready."""
        observed = await self.tools.engine.observe(detail=False)
        way = await swap.prepare(self.tools, "shop", self.dataset, observed)
        await self.fill(way.place, "new")
        return way

    async def volumes(self) -> set[str]:
        seen = await self.tools.engine.observe(detail=False)
        return {one.name for one in seen.volumes if one.name.startswith(self.house.prefix)}


@pytest.fixture
async def ground(data_house: DataHouse) -> Any:
    ensure_images(IMAGE)
    made = Ground(data_house)
    await made.begin()
    yield made
    for name in await made.volumes():
        try:
            await volume_step(made.tools, Verb.REMOVE_VOLUME, name)
        except NotFound:
            continue


def remote(ground: Ground) -> None:
    ground.tools.info = replace(ground.tools.info, local=False)


async def test_content_is_copied_where_it_cannot_be_exchanged(ground: Ground) -> None:
    remote(ground)
    way = await ground.made()
    assert isinstance(way, CopySwap)
    kept = await way.exchange()
    assert await ground.read(ground.dataset.place) == "new"
    assert await ground.read(Place(type="volume", source=kept.removeprefix("volume "))) == "old"
    assert await prepared(ground.tools) == []
    assert len(await ground.volumes()) == 2, "the one that was filled is gone"


async def test_what_was_never_used_goes(ground: Ground) -> None:
    remote(ground)
    await ground.made()
    await settle_all(ground.tools, await prepared(ground.tools, "shop"))
    assert await ground.volumes() == {ground.volume}
    assert await ground.read(ground.dataset.place) == "old"
    assert await prepared(ground.tools) == []


async def test_half_exchanged_nothing_starts_until_it_is_whole(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote(ground)
    way = await ground.made()

    async def dies(tools: Any, note: Any) -> None:
        script = "rm -rf /tabib-place/in /tabib-place/a"
        await at_place(tools, IMAGE, ground.dataset.place, script)
        raise Damaged("the machine went down", attempted="copy", target="data")

    monkeypatch.setattr(swap, "overwrite", dies)
    with pytest.raises(Damaged):
        await way.exchange()
    (note,) = await prepared(ground.tools, "shop")
    assert note.stage == EXCHANGING
    with pytest.raises(Refused, match="half exchanged"):
        await must_be_whole(ground.tools, "shop", "start")
    await settle(ground.tools, note)
    await must_be_whole(ground.tools, "shop", "start")
    assert await ground.read(ground.dataset.place) == "new"
    assert await ground.read(Place(type="volume", source=note.kept)) == "old"


async def test_a_copy_that_differs_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote(ground)
    way = await ground.made()
    monkeypatch.setattr(content, "_COPY", "cp -a /from/. /to/ && echo bad > /to/a")
    with pytest.raises(Damaged, match="differs"):
        await way.exchange()
    assert await ground.read(ground.dataset.place) == "old", "nothing was overwritten"


@root
async def test_an_engines_own_volume_is_exchanged_at_one_moment(ground: Ground) -> None:
    way = await ground.made()
    assert isinstance(way, VolumeSwap)
    kept = await way.exchange()
    other = Place(type="volume", source=kept.removeprefix("volume "))
    assert await ground.read(ground.dataset.place) == "new"
    assert await ground.read(other) == "old"
    seen = await ground.tools.engine.observe(detail=False)
    labels = {one.name: one.labels for one in seen.volumes}
    assert labels[ground.volume]["of"] == "somebody", "it is the same volume"
    assert labels[other.source]["tabib.helper"] == "kept"
    await way.undo()
    await settle_all(ground.tools, await prepared(ground.tools))
    assert await ground.read(ground.dataset.place) == "old"


async def test_where_a_copy_was_made_first_it_is_put_back(ground: Ground) -> None:
    remote(ground)
    kept = await (await ground.made()).exchange()
    observed = await ground.tools.engine.observe(detail=False)
    there = next(one for one in observed.volumes if one.name == kept.removeprefix("volume "))
    way = swap.back_to(ground.tools, "shop", ground.dataset, volume=there, observed=observed)
    way.tools.info = replace(ground.tools.info, local=True)
    assert isinstance(way, VolumeSwap), "an engine's own, seen from here, is exchanged"
    plain = [replace(one, options={"o": "size=9m"}) for one in observed.volumes]
    way = swap.back_to(
        ground.tools,
        "shop",
        ground.dataset,
        volume=there,
        observed=replace(observed, volumes=plain),
    )
    assert isinstance(way, CopySwap)
    again = await way.exchange()
    assert await ground.read(ground.dataset.place) == "old"
    assert await ground.read(Place(type="volume", source=again.removeprefix("volume "))) == "new"
    assert await prepared(ground.tools) == []


@root
async def test_what_is_kept_is_told_of_each_by_its_name(ground: Ground, tmp_path: Path) -> None:
    """Whatever the order in which they are exchanged: an undo puts each back where it was."""
    folder = tmp_path / "files"
    folder.mkdir()
    of_volume = ground.dataset
    ground.dataset = replace(of_volume, name="folder", place=Place(type="bind", source=str(folder)))
    await ground.fill(ground.dataset.place, "old")
    first = await ground.made()
    ground.dataset = of_volume
    remote(ground)
    kept = await swap.exchange_all(ground.tools, [first, await ground.made()])
    assert kept["folder"].startswith(f"{folder}.before-")
    assert kept["data"].startswith(f"volume {ground.volume}")


@root
@pytest.mark.parametrize("exchanged", [False, True])
async def test_a_death_before_and_after_the_moment(ground: Ground, exchanged: bool) -> None:
    way = await ground.made()
    if exchanged:
        exchange(Path(way.note.path), Path(way.note.beside))
    await settle_all(ground.tools, await prepared(ground.tools))
    assert await ground.read(ground.dataset.place) == ("new" if exchanged else "old")
    there = await ground.volumes()
    assert (way.note.aside in there) is exchanged, "the old is kept, an unused new is not"
    if exchanged:
        assert await ground.read(Place(type="volume", source=way.note.aside)) == "old"


@root
async def test_a_folder_and_a_folder_that_is_gone(ground: Ground, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    ground.dataset = replace(ground.dataset, place=Place(type="bind", source=str(folder)))
    for word in ("old", "older"):
        if word == "old":
            folder.mkdir()
            await ground.fill(ground.dataset.place, "old")
        way = await ground.made()
        assert isinstance(way, FolderSwap)
        kept = await way.exchange()
        assert await ground.read(ground.dataset.place) == "new"
        assert Path(kept).is_dir()
        if word == "old":
            assert await ground.read(Place(type="bind", source=kept)) == "old"
            for one in (folder / "in" / "b", folder / "a", folder / "l"):
                one.unlink()
            (folder / "in").rmdir()
            folder.rmdir()


def test_two_renames_that_were_cut_off_are_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "data", tmp_path / "data.new"
    for one in (old, new):
        one.mkdir()
        (one / one.name).touch()
    marks = mark(old), mark(new)
    monkeypatch.setattr("tabib.stores.exchange._at_one_moment", lambda *_: False)
    exchange(old, new)
    assert (mark(new), mark(old)) == marks
    exchange(old, new)
    for cut_off_at in (1, 2):
        # As a death leaves it: after the first rename, and after the second.
        old.rename(tmp_path / "data.new.aside")
        if cut_off_at == 2:
            new.rename(old)
        repair(old, new)
        assert {mark(old), mark(new)} == set(marks), "both are there"
        repair(old, new)
        assert {mark(old), mark(new)} == set(marks)
        if cut_off_at == 2:
            exchange(old, new)
        assert (mark(old), mark(new)) == marks
