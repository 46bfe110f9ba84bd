"""Volumes on a local engine: data outlives names, and only a person's word lets it go."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import plans
from support.projects import project, service, volume
from support.real_engine import step
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import by_hand
from tabib.engines.memory.records import FileNode
from tabib.model.container import LABEL_VOLUME_GENERATION, LABEL_VOLUME_ID, VolumeSpec
from tabib.model.errors import EngineError, NeedsConfirmation
from tabib.model.plan import Verb
from tabib.operations.volumes import holding

DB = project(service("db", volumes={"/data": "data"}, ports=[8001]))
NAME = "tale_data"


def write(house: House, text: str) -> None:
    """As the container would."""
    house.world.volumes[NAME].files["precious"] = FileNode(text.encode())


def read(house: House) -> str:
    found = house.world.volumes[NAME].files.get("precious")
    return found.content.decode() if found else ""


def device(house: House) -> Path:
    return Path(house.world.volumes[NAME].options["device"])


@story
async def test_a_plain_volume_lives_in_a_folder_of_ours(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(DB)
        labels = house.world.volumes[NAME].labels
        held = await holding(daemon.tools, NAME)
        assert held is not None
        assert (labels[LABEL_VOLUME_ID], labels[LABEL_VOLUME_GENERATION]) == (held.id, "1")
        assert device(house).is_dir()
        assert device(house) == daemon.tools.state.volume_directory(held.id, 1)


@story
async def test_the_data_outlives_the_name_and_is_attached_again(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(DB)
        write(house, "orders")
        folder = device(house)
        await by_hand.compose_down(house.world, "tale", volumes=True)
        assert NAME not in house.world.volumes
        await daemon.passes(30)
        await daemon.up(DB)
        assert device(house) == folder
        assert read(house) == "orders"


@story
async def test_down_keeps_the_volume_and_down_v_only_lets_its_name_go(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(DB)
        write(house, "orders")
        folder = device(house)
        await daemon.down("tale", project=DB)
        assert read(house) == "orders"
        await daemon.up(DB)
        operation = daemon.operation("down", "tale")
        await daemon.down("tale", project=DB, volumes=True, operation=operation)
        assert NAME not in house.world.volumes
        assert folder.is_dir()
        operation.finish()
        told = [str(message) async for message in operation.messages()]
        assert any(str(folder) in message for message in told)
        await daemon.up(DB)
        assert device(house) != folder
        assert read(house) == ""


@story
async def test_a_volume_without_generation_needs_a_confirmation(house: House) -> None:
    odd = project(
        service("db", volumes={"/data": "data"}),
        volumes={"data": volume("data", driver_opts={"type": "tmpfs"})},
    )
    async with house.daemon() as daemon:
        await daemon.up(odd)
        before = plans.ids(house.world)
        with pytest.raises(NeedsConfirmation) as caught:
            await daemon.down("tale", project=odd, volumes=True)
        assert caught.value.details["volumes"] == [NAME]
        assert plans.ids(house.world) == before
        assert (await daemon.care("tale")).halted == {}
        await daemon.down("tale", project=odd, volumes=True, yes=True)
        assert NAME not in house.world.volumes


@story
async def test_a_volume_that_could_not_go_is_not_let_go(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(DB)
        write(house, "orders")
        refused = EngineError("in use", attempted="remove", target=NAME)
        house.world.faults.fail(refused, verb="remove_volume")
        with pytest.raises(EngineError):
            await daemon.down("tale", project=DB, volumes=True)
        held = await holding(daemon.tools, NAME)
        assert held is not None
        assert not held.released
        await by_hand.compose_down(house.world, "tale", volumes=True)
        await daemon.up(DB)
        assert read(house) == "orders"


@story
async def test_external_and_foreign_volumes_stay_as_they_are(house: House) -> None:
    outside = project(
        service("db", volumes={"/data": "outside"}),
        volumes={"outside": volume("outside", external=True)},
    )
    async with house.daemon() as daemon:
        await _make(daemon, "outside")
        await daemon.up(outside)
        await daemon.down("tale", project=outside, volumes=True)
        assert "outside" in house.world.volumes
        assert house.world.volumes["outside"].options == {}


async def _make(daemon: Daemon, name: str) -> None:
    await daemon.tools.engine.apply(step(Verb.CREATE_VOLUME, name, volume=VolumeSpec(name=name)))


@story
async def test_up_of_one_service_makes_no_folder_for_the_others(house: House) -> None:
    two = project(service("a", volumes={"/data": "data"}), service("b", volumes={"/x": "more"}))
    async with house.daemon() as daemon:
        await daemon.up(two, "a")
        assert await holding(daemon.tools, "tale_more") is None
