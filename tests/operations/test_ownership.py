"""One owner per engine, recorded on the engine; one operation at a time per project."""

from __future__ import annotations

import asyncio

import pytest

from support import plans
from support.projects import edited, project, service
from support.site import House
from support.story import story
from tabib.engines.memory import by_hand
from tabib.model.errors import (
    ConfigError,
    LeaseHeld,
    OwnedElsewhere,
    Refused,
    StateUnusable,
    UsageError,
)
from tabib.operations.guard import OWNER_VOLUME, take_over

WEB = project(service("web", ports=[8001]))


@story
async def test_a_second_installation_refuses_and_changes_nothing(house: House) -> None:
    async with house.daemon(state="first") as first, house.daemon(state="second") as second:
        await first.up(WEB)
        before = plans.picture(house.world)
        with pytest.raises(OwnedElsewhere) as caught:
            await second.up(edited(WEB, "web", user="1"))
        assert caught.value.details["owner"] == first.tools.installation
        for attempt in (
            second.down("tale", project=WEB),
            second.act("stop", "tale"),
            second.adopt("tale"),
        ):
            with pytest.raises(OwnedElsewhere):
                await attempt
        assert plans.picture(house.world) == before
        assert await second.journal.all_care() == []


@story
async def test_taken_over_the_first_one_only_observes(house: House) -> None:
    async with house.daemon(state="first") as first, house.daemon(state="second") as second:
        await first.up(WEB)
        await first.passes(5)
        await take_over(second.tools)
        await second.adopt("tale")
        await second.passes(5)
        assert first.site.care.mode == "observe"
        before = len(await first.entries("intent"))
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await second.passes(60)
        assert [one.outcome for one in await second.incidents()] == ["recovered"]
        assert len(await first.entries("intent")) == before
        with pytest.raises(OwnedElsewhere):
            await first.up(WEB)


@story
async def test_the_claim_ends_with_the_last_project(house: House) -> None:
    other = project(service("web"), name="other")
    async with house.daemon() as daemon:
        await daemon.up(WEB)
        await daemon.up(other)
        await daemon.down("tale", project=WEB)
        assert OWNER_VOLUME in house.world.volumes
        await daemon.down("other", project=other)
        assert OWNER_VOLUME not in house.world.volumes
    async with house.daemon(state="second") as second:
        await second.up(WEB)


@story
async def test_a_refused_up_claims_nothing(house: House) -> None:
    async with house.daemon() as daemon:
        with pytest.raises(ConfigError):
            await daemon.up(WEB, "nonesuch")
        assert OWNER_VOLUME not in house.world.volumes


@story
async def test_operations_on_one_project_take_turns(house: House) -> None:
    async with house.daemon() as daemon:
        house.world.faults.slow(3.0, verb="create_container")
        async with asyncio.TaskGroup() as group:
            first = group.create_task(daemon.up(WEB))
            await daemon.passes(1)
            with pytest.raises(LeaseHeld):
                await daemon.up(WEB, no_wait_lease=True)
            second = group.create_task(daemon.up(edited(WEB, "web", user="1")))
        assert first.result()["created"] == ["tale-web-1"]
        assert second.result()["recreated"] == ["tale-web-1"]
        assert list(plans.ids(house.world)) == ["tale-web-1"]


@story
async def test_a_refused_second_up_leaves_the_claim_of_the_first(house: House) -> None:
    """The first one has nothing in care yet when the second one gives up."""
    async with house.daemon() as daemon:
        house.world.add_image("late:1", remote=True)
        late = edited(WEB, "web", image="late:1")
        house.world.faults.slow(5.0, verb="pull_image")
        async with asyncio.TaskGroup() as group:
            group.create_task(daemon.up(late))
            await daemon.passes(1)
            with pytest.raises(LeaseHeld):
                await daemon.up(late, no_wait_lease=True)
        assert OWNER_VOLUME in house.world.volumes
        assert daemon.tools.ownership.owner == daemon.tools.installation


@story
async def test_two_projects_of_one_name_in_different_folders(house: House) -> None:
    (house.folder / "compose.yaml").write_text("services: {}")
    here = project(service("a"), folder=str(house.folder))
    async with house.daemon() as daemon:
        await daemon.up(here)
        with pytest.raises(Refused) as caught:
            await daemon.up(project(service("b"), folder="/elsewhere"))
        assert str(house.folder) in caught.value.happened
        (house.folder / "compose.yaml").unlink()
        await daemon.up(project(service("b"), folder="/elsewhere"))


@story
async def test_without_room_in_the_state_folder_nothing_is_done(house: House) -> None:
    async with house.daemon() as daemon:
        daemon.tools.state.path.joinpath("reserve").unlink()
        with pytest.raises(StateUnusable):
            await daemon.up(WEB)
        assert plans.ids(house.world) == {}
        assert OWNER_VOLUME not in house.world.volumes


@story
async def test_what_is_not_there_cannot_be_taken_down_or_acted_upon(house: House) -> None:
    async with house.daemon() as daemon:
        with pytest.raises(UsageError):
            await daemon.down("tale")
        with pytest.raises(UsageError):
            await daemon.act("stop", "tale")
        with pytest.raises(UsageError):
            await daemon.adopt("tale")
        with pytest.raises(UsageError):
            await daemon.act("scale", "tale", replicas={"web": 2})
        assert await daemon.journal.all_care() == []
