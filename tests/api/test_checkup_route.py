"""The route of checkups, on a memory engine with a real journal and a recorder filled by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.conftest import Api, api
from support.checkup_formats import shown
from support.projects import IMAGE, project, service
from support.real_engine import step
from support.shelf import container, values
from support.site import ADDRESS, House
from support.story import story
from tabib.api import context as api_context
from tabib.engines.memory import by_hand
from tabib.engines.memory.program import Program
from tabib.model.container import LABEL_NUMBER, LABEL_PROJECT, LABEL_SERVICE, ContainerSpec
from tabib.model.plan import Verb

TALE = project(service("web"), service("db", environment={"DB_PASSWORD": "zq-canary-7719"}))


async def checkup(here: Api, **query: Any) -> dict[str, Any]:
    answered = await here.get("/v1/checkup", **query)
    found: dict[str, Any] = answered.json
    return found


def found(answer: dict[str, Any]) -> dict[str, set[str]]:
    by_target: dict[str, set[str]] = {}
    for one in answer["findings"]:
        by_target.setdefault(one["target"], set()).add(one["code"])
    return by_target


@story
async def test_everything_one_service_and_the_machine(house: House) -> None:
    async with api(house) as here:
        await here.daemon.up(TALE)
        all_ = await checkup(here)
        assert all_["target"] == "everything"
        assert all_["containers"] == 2
        assert {"tale/web", "tale/db"} <= set(found(all_))
        assert "security.secret-in-env" in found(all_)["tale/db"]
        assert {grade["project"] for grade in all_["grades"]} == {"tale", "node"}
        one = await checkup(here, target="tale/web")
        assert set(found(one)) == {"tale/web"}
        assert found(one)["tale/web"] == found(all_)["tale/web"]
        none = await checkup(here, project="other")
        assert (none["containers"], none["findings"], none["grades"]) == (0, [], [])
        assert any("other has no containers" in note for note in none["notes"])
        node = await checkup(here, target="node")
        assert node["containers"] == 0
        assert [grade["project"] for grade in node["grades"]] == ["node"]
        assert set(one["rules"]) == found(one)["tale/web"]
        assert len(all_["first"]) == 3


@story
async def test_what_is_ignored_and_what_is_no_target(house: House) -> None:
    async with api(house) as here:
        await here.daemon.up(TALE)
        all_ = await checkup(here, target="tale")
        less = await checkup(here, target="tale", ignore="memory.*")
        assert less["ignored"] == 2
        assert len(all_["findings"]) - len(less["findings"]) == 2
        assert less["grades"][0]["score"] > all_["grades"][0]["score"]
        unknown = await here.get("/v1/checkup", target="tall")
        assert unknown.status == 404
        assert "Did you mean tale?" in unknown.error["advice"]
        wrong = await here.get("/v1/checkup", ignore="memory.nolimit")
        assert (wrong.status, wrong.error["kind"]) == (400, "usage")


@story
async def test_trouble_is_diagnosed_and_what_is_stopped_is_none(house: House) -> None:
    async with api(house) as here:
        await here.daemon.up(TALE)
        await here.daemon.act("stop", "tale", "web")
        by_hand.main_process_dies(house.world, "tale-db-1")
        answer = await checkup(here)
        assert "tale/web" not in found(answer)
        # In care: nobody needs a policy of the engine's.
        assert not any("restart.no-policy" in codes for codes in found(answer).values())


@story
async def test_how_a_loop_ends_is_seen_also_while_it_lives(house: House) -> None:
    async with api(house) as here:
        engine = here.daemon.tools.engine
        house.world.programs.set(Program(exit_code=3, after_s=0.8), service="web")
        spec = ContainerSpec(
            name="tale-web-1", project="tale", service_name="web", slot=1, image=IMAGE,
            service={"command": ["work"], "restart": "always"},
            labels={LABEL_PROJECT: "tale", LABEL_SERVICE: "web", LABEL_NUMBER: "1"},
        )  # fmt: skip
        await engine.apply(step(Verb.CREATE_CONTAINER, container=spec))
        await engine.apply(step(Verb.START_CONTAINER, spec.name))
        states = set()
        while (await engine.look(spec.name)).restarts < 5:
            await here.daemon.passes(0.1)
        for _ in range(12):
            states.add((await engine.look(spec.name)).status)
            (one,) = [each for each in (await checkup(here))["findings"]
                      if each["severity"] == "error"]  # fmt: skip
            assert (one["code"], "exited with 3" in one["summary"]) == ("exit.app-error", True)
            await here.daemon.passes(0.3)
        assert states == {"running", "restarting"}


@story
async def test_the_recorders_figures_are_used(house: House) -> None:
    async with api(house) as here:
        await here.daemon.up(project(service("web", mem_limit=64 << 20)))
        id = (await here.daemon.tools.engine.look("tale-web-1")).id
        at = here.daemon.clock.now()
        for tick in range(2):
            await here.shelf.read(
                at + tick * timedelta(seconds=5),
                (container(here.engine, id),
                 values("container", memory_working_set_bytes=63 << 20, cpu_periods=100 * tick,
                        cpu_throttled_periods=90 * tick)),
            )  # fmt: skip
        await here.daemon.passes(61)
        assert {"memory.near-limit", "cpu.throttled"} <= found(await checkup(here))["tale/web"]


@story
async def test_newer_images_are_asked_for_unless_offline(house: House) -> None:
    async with api(house) as here:
        world = house.world
        world.add_image("shop/web:1", digest="sha256:old")
        world.add_image("shop/web:1", remote=True, digest="sha256:new")
        world.add_image("shop/db:1", digest="sha256:gone")
        await here.daemon.up(project(service("web", image="shop/web:1"),
                                     service("db", image="shop/db:1")))  # fmt: skip
        answer = await checkup(here)
        assert "image.outdated" in found(answer)["tale/web"]
        assert "image.outdated" not in found(answer)["tale/db"]
        assert any("shop/db:1" in note and "not known" in note for note in answer["notes"])
        offline = await checkup(here, offline=True)
        assert "image.outdated" not in found(offline)["tale/web"]
        assert not any("shop/db:1" in note for note in offline["notes"])


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=8, max_size=40)


@pytest.fixture(autouse=True, scope="module")
def engine() -> Iterator[None]:
    """Requests that name no engine mean the house's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_context, "DEFAULT_ENDPOINT", ADDRESS)
        yield


names = st.sampled_from(["DB_PASSWORD", "API_TOKEN", "APP_SECRET", "AWS_SECRET_ACCESS_KEY"])


@settings(max_examples=25, deadline=None)
@given(name=names, secret=secrets.map("zq{}".format))
def test_no_secret_of_the_environment_is_in_any_format(name: str, secret: str) -> None:
    """Planted in the environment, and said by the program before it ends."""

    async def tale(house: House) -> dict[str, Any]:
        async with api(house) as here:
            said = Program(exit_code=1, after_s=1.0, log=[f"ERROR: cannot log in with {secret}"])
            house.world.programs.set(said, service="web")
            labels = {LABEL_PROJECT: "tale", LABEL_SERVICE: "web", LABEL_NUMBER: "1"}
            spec = ContainerSpec(
                name="tale-web-1", project="tale", service_name="web", slot=1, image=IMAGE,
                service={"environment": {name: secret}, "command": ["work", secret]},
                labels=labels,
            )  # fmt: skip
            sleeper = replace(spec, name="tale-b-1", labels={**labels, LABEL_SERVICE: "b"})
            for one in (spec, sleeper):
                await here.daemon.tools.engine.apply(step(Verb.CREATE_CONTAINER, container=one))
                await here.daemon.tools.engine.apply(step(Verb.START_CONTAINER, one.name))
            await here.daemon.passes(5)
            return await checkup(here)

    with TemporaryDirectory() as folder:
        house = House(Path(folder))
        answer = house.run(tale(house))
    assert found(answer)["tale/web"] == {"exit.app-error"}
    assert "cannot log in with" in json.dumps(answer)
    assert "security.secret-in-env" in found(answer)["tale/b"]
    for style, text in shown(answer).items():
        assert secret not in text, style
