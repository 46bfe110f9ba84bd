"""``up``, ``run`` and the others as one sees them from outside: what they answer, leave, refuse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from support import plans
from support.projects import HEALTHY, after, edited, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import Program
from tabib.model.container import LABEL_ONEOFF
from tabib.model.errors import (
    ConfigError,
    Conflict,
    ImageUnavailable,
    NotHealthy,
    PortTaken,
    StartFailed,
    UsageError,
)
from tabib.model.wire import ActionRequest, AdoptRequest, DownRequest, RunRequest, UpRequest
from tabib.operations.act import act
from tabib.operations.adopt import adopt
from tabib.operations.down import down
from tabib.operations.run import remove_oneoff, run, start_oneoff
from tabib.operations.up import up

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
WEB = service("web", depends_on=after("db", condition=HEALTHY), ports=[8001])
SHOP = project(DB, WEB)
TAKEN = Conflict("the name is taken", attempted="create", target="x")


@story
async def test_what_up_answers(house: House) -> None:
    async with house.daemon() as daemon:
        first = await daemon.up(SHOP)
        assert (first["release"], first["changed"], first["healthy"]) == (1, True, True)
        assert first["created"] == ["tale-db-1", "tale-web-1"]
        assert first["containers"] == {"total": 2, "running": 2, "healthy": 1, "finished": 0}
        second = await daemon.up(SHOP)
        assert (second["release"], second["changed"]) == (None, False)
        third = await daemon.up(edited(SHOP, "web", user="1"))
        assert (third["release"], third["recreated"], third["created"]) == (2, ["tale-web-1"], [])
        assert third["removed"] == []


@story
async def test_every_change_makes_a_release_and_no_other_thing_does(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.up(SHOP)
        await daemon.up(edited(SHOP, "web", user="1"))
        found = await daemon.journal.releases(daemon.tools.info.id, "tale")
        assert [(one.number, one.verdict, one.parent) for one in found] == [
            (2, "good", 1),
            (1, "good", None),
        ]
        assert "hunter2" not in str(found)


@story
async def test_no_value_of_the_environment_is_in_the_journal(house: House) -> None:
    secret = edited(SHOP, "web", environment={"PASSWORD": "hunter2hunter2"})
    async with house.daemon() as daemon:
        await daemon.up(secret)
        await daemon.passes(5)
    for file in (house.folder / "state").glob("journal*"):
        assert b"hunter2hunter2" not in file.read_bytes(), file


Changing = Callable[[Daemon], Awaitable[Any]]


def _request(kind: Any, **fields: Any) -> Any:
    return kind(dry_run=True, **fields)


DRY: dict[str, Changing] = {
    "up": lambda d: up(
        d.tools,
        _request(UpRequest, project=edited(SHOP, "web", user="1")),
        d.operation("up", "tale"),
    ),
    "down": lambda d: down(
        d.tools, "tale", _request(DownRequest, project=SHOP, volumes=True), d.operation("down", "t")
    ),
    "stop": lambda d: act(
        d.tools, "tale", _request(ActionRequest, verb="stop"), d.operation("stop", "tale")
    ),
    "scale": lambda d: act(
        d.tools,
        "tale",
        _request(ActionRequest, verb="scale", options={"replicas": {"db": 2}}),
        d.operation("scale", "tale"),
    ),
    "adopt": lambda d: adopt(d.tools, "tale", _request(AdoptRequest), d.operation("adopt", "tale")),
    "run": lambda d: run(
        d.tools, _request(RunRequest, project=SHOP, service="web"), d.operation("run", "tale")
    ),
}


@pytest.mark.parametrize("name", DRY)
def test_a_dry_run_changes_nothing(house: House, name: str) -> None:
    async def told() -> None:
        async with house.daemon() as daemon:
            await daemon.up(SHOP)
            await daemon.passes(5)
            before = plans.picture(house.world), plans.ids(house.world)
            journal = await daemon.entries(), await daemon.care("tale")
            releases = await daemon.journal.releases(daemon.tools.info.id, "tale")
            await DRY[name](daemon)
            assert (plans.picture(house.world), plans.ids(house.world)) == before
            assert (await daemon.entries(), await daemon.care("tale")) == journal
            assert await daemon.journal.releases(daemon.tools.info.id, "tale") == releases

    house.run(told())


@story
async def test_what_is_in_the_way_meanwhile_makes_it_plan_anew(house: House) -> None:
    async with house.daemon() as daemon:
        house.world.faults.fail(TAKEN, verb="create_container")
        assert (await daemon.up(SHOP))["healthy"]
        assert sorted(plans.ids(house.world)) == ["tale-db-1", "tale-web-1"]
        releases = await daemon.journal.releases(daemon.tools.info.id, "tale")
        assert [one.verdict for one in releases] == ["good"]


@story
async def test_what_stays_in_the_way_is_told_in_the_end(house: House) -> None:
    async with house.daemon() as daemon:
        house.world.faults.fail(TAKEN, verb="create_container", target="tale-web-1", times=-1)
        with pytest.raises(Conflict):
            await daemon.up(SHOP)
        releases = await daemon.journal.releases(daemon.tools.info.id, "tale")
        assert [one.verdict for one in releases] == ["failed"]
        house.world.faults.clear()
        await daemon.up(SHOP)
        releases = await daemon.journal.releases(daemon.tools.info.id, "tale")
        assert releases[0].verdict == "good"


@story
async def test_a_container_that_never_gets_well_fails_the_release(house: House) -> None:
    house.world.programs.set(
        Program(exit_code=3, after_s=0.3, log=("cannot open config",)), service="web"
    )
    async with house.daemon() as daemon:
        with pytest.raises(NotHealthy) as caught:
            await daemon.up(project(service("web", check=True)))
        assert "exited with code 3" in caught.value.happened
        assert "cannot open config" in caught.value.happened
        releases = await daemon.journal.releases(daemon.tools.info.id, "tale")
        assert releases[0].verdict == "failed"


@story
async def test_a_wait_that_takes_too_long_is_given_up(house: House) -> None:
    house.world.programs.set(Program(healthy_after_s=3600), service="db")
    slow = project(service("db", healthcheck={"test": ["CMD", "true"], "start_period": "1h"}))
    async with house.daemon() as daemon:
        began = house.clock.monotonic()
        with pytest.raises(NotHealthy, match="after 20 s"):
            await daemon.up(slow, wait_timeout_s=20.0)
        assert house.clock.monotonic() - began < 25
        assert (await daemon.up(slow, wait=False))["changed"] is False


@story
async def test_a_taken_port_names_its_holder(house: House) -> None:
    other = project(service("x", ports=[8001]), name="other")
    async with house.daemon() as daemon:
        await daemon.up(other)
        with pytest.raises(PortTaken) as caught:
            await daemon.up(SHOP)
        assert "8001/tcp is taken by container other-x-1 of project other" in str(caught.value)
        await daemon.down("other", project=other)
        assert (await daemon.up(SHOP))["started"] == ["tale-web-1"]


@story
async def test_images_are_pulled_before_anything_is_touched(house: House) -> None:
    house.world.add_image("late:1", remote=True)
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        before = plans.ids(house.world)
        with pytest.raises(ImageUnavailable):
            await daemon.up(edited(SHOP, "web", image="nonesuch:1"))
        assert plans.ids(house.world) == before
        assert (await daemon.up(edited(SHOP, "web", image="late:1")))["recreated"] == ["tale-web-1"]
        with pytest.raises(ImageUnavailable):
            await daemon.up(edited(SHOP, "web", image="other:1"), pull="never")


@story
async def test_a_command_that_cannot_be_started(house: House) -> None:
    house.world.programs.set(
        Program(exit_code=127, start_error="exec: nonesuch: not found"), service="web"
    )
    async with house.daemon() as daemon:
        with pytest.raises(StartFailed):
            await daemon.up(SHOP)
        await daemon.passes(120)
        found = await daemon.incidents()
        assert not any(one.treatments and one.treatments[0].outcome == "started" for one in found)


@story
async def test_scale_is_remembered_and_no_file_is_needed(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.act("scale", "tale", replicas={"db": 3})
        assert sorted(plans.ids(house.world)) == [
            "tale-db-1", "tale-db-2", "tale-db-3", "tale-web-1",
        ]  # fmt: skip
        assert (await daemon.up(SHOP))["changed"] is False
        await daemon.up(SHOP, scale={"db": 1})
        assert sorted(plans.ids(house.world)) == ["tale-db-1", "tale-web-1"]


# ── run ────────────────────────────────────────────────────────────────────────────────────────


async def oneoff(daemon: Daemon, **fields: Any) -> dict[str, Any]:
    request = RunRequest(project=SHOP, service="web", by="test", **fields)
    return dict(await run(daemon.tools, request, daemon.operation("run", "tale")))


@story
async def test_run_brings_up_what_it_needs_and_creates_its_container(house: House) -> None:
    async with house.daemon() as daemon:
        answer = await oneoff(daemon, overrides={"command": ["sh"], "environment": {"A": "1"}})
        made = house.world.container(answer["container"])
        assert made.name == answer["name"]
        assert made.status == "created"
        assert made.labels[LABEL_ONEOFF] == "True"
        assert made.command == ("sh",)
        assert made.ports == [], "published ports are the service's own"
        assert house.world.container("tale-db-1").status == "running"
        assert "tale-web-1" not in plans.ids(house.world)
        operation = daemon.operation("run", "tale")
        await start_oneoff(daemon.tools, made.id, operation)
        assert house.world.container(made.id).status == "running"
        await remove_oneoff(daemon.tools, made.id, operation, force=True, volumes_too=True)
        assert house.world.find(made.id) is None
        await daemon.passes(60)
        assert await daemon.incidents() == []


@story
async def test_a_oneoff_is_no_container_of_the_service(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        answer = await oneoff(daemon, no_deps=True, service_ports=False)
        assert (await daemon.up(SHOP))["changed"] is False
        with pytest.raises(UsageError):
            await start_oneoff(daemon.tools, "tale-web-1", daemon.operation("run", "tale"))
        await daemon.down("tale", project=SHOP)
        assert house.world.find(answer["container"]) is None


@story
async def test_run_of_what_is_not_there(house: House) -> None:
    async with house.daemon() as daemon:
        request = RunRequest(project=SHOP, service="nonesuch")
        with pytest.raises(UsageError):
            await run(daemon.tools, request, daemon.operation("run", "tale"))


@story
async def test_a_cycle_is_refused_before_anything_is_done(house: House) -> None:
    loop = project(service("a", depends_on=after("b")), service("b", depends_on=after("a")))
    async with house.daemon() as daemon:
        with pytest.raises(ConfigError, match="dependency cycle"):
            await daemon.up(loop)
        assert await daemon.entries() == []


@story
async def test_a_renamed_service_is_told_and_removed_when_asked(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        renamed = project(DB, replace(service("front", depends_on=WEB.depends_on), spec=WEB.spec))
        with pytest.raises(PortTaken):
            await daemon.up(renamed)
        answer = await daemon.up(renamed, remove_orphans=True)
        assert answer["removed"] == ["tale-web-1"]
        await daemon.passes(60)
        assert [one for one in await daemon.incidents() if one.outcome == "open"] == []


@story
async def test_a_container_that_ends_at_once_fails_the_up_that_started_it(house: House) -> None:
    """It runs for a moment: only a look after everything was started can tell."""
    house.world.programs.set(Program(exit_code=4, after_s=0.1), service="web")
    slow = project(service("web", restart="no"), service("slow"))
    house.world.faults.slow(1.0, verb="start_container", target="tale-slow-1")
    async with house.daemon() as daemon:
        with pytest.raises(NotHealthy, match="exited with code 4"):
            await daemon.up(slow)


@story
async def test_containers_that_nothing_waits_for_are_looked_at_together(house: House) -> None:
    async with house.daemon() as daemon:
        engine = Counted(daemon.tools.engine)
        daemon.tools.engine = engine
        await daemon.up(project(*(service(f"s{number}") for number in range(20))))
        assert engine.looks == 0


class Counted:
    """An engine whose inspections for the sake of waiting are counted."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def look(self, container: str) -> Any:
        self.looks += 1
        return await self._engine.look(container)
