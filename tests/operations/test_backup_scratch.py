"""A service booted in scratch: alone, bounded, and gone afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support.backups import DataHouse
from support.real_engine import step
from tabib.model.container import LABEL_PROJECT, Mount
from tabib.model.errors import NotHealthy
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Verb
from tabib.operations.backups import scratch
from tabib.operations.backups.leftovers import Leftovers
from tabib.operations.backups.scratch import booted

pytestmark = [pytest.mark.engine, pytest.mark.slow]

IMAGE = "busybox:1.36"


async def made(house: DataHouse, *command: str, **fields: Any) -> None:
    words = list(command or ("sleep", "1000"))
    await house.start("files", IMAGE, "/data", command=words, **fields)


async def helpers(house: DataHouse) -> list[str]:
    seen = await house.tools.engine.observe(detail=False)
    return [
        one.id
        for one in seen.containers
        if one.labels.get(scratch.LABEL_SCRATCH) and house.prefix in one.name
    ]


async def test_it_is_alone_and_bounded(data_house: DataHouse) -> None:
    config = data_house.folder / "app.conf"
    config.write_text("setting")
    await made(
        data_house,
        environment={"NAME": "value"},
        ports=[{"target": 80, "published": "0", "protocol": "tcp"}],
        restart="always",
        user="1000:1000",
    )
    spec = data_house.specs["db"]
    more = (
        Mount(type="bind", source=str(config), target="/etc/app.conf"),
        Mount(type="bind", source=str(data_house.folder), target="/host"),
        Mount(type="volume", source=f"{data_house.prefix}_cache", target="/cache"),
    )
    spec = replace(spec, mounts=(*spec.mounts, *more), network_mode="bridge")
    place = data_house.place("scratch")
    async with booted(data_house.tools, spec, {"/data": place}, purpose="drill") as container:
        found = await data_house.tools.engine.inspect(container)
        state = await data_house.tools.engine.look(container)
        said = await data_house.ask(container, "echo $NAME; id -u; cat /etc/app.conf; ls /host")
    host = found["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert not host["PortBindings"]
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert host["Memory"] == scratch.MEMORY_BYTES
    assert state.labels[LABEL_HELPER] == "drill"
    assert LABEL_PROJECT not in state.labels
    assert said.split() == ["value", "1000", "setting"]
    mounts = {one.target: one for one in state.mounts}
    assert mounts["/data"].source == place.source
    assert mounts["/etc/app.conf"].read_only
    assert {mounts["/host"].type, mounts["/cache"].type} == {"volume"}
    volumes = [mounts["/host"].name, mounts["/cache"].name]
    assert f"{data_house.prefix}_cache" not in volumes
    left = await data_house.tools.engine.observe(detail=False)
    assert not {one.name for one in left.volumes} & set(volumes)
    assert await helpers(data_house) == []


async def test_one_that_was_adopted_is_booted_from_its_inspection(data_house: DataHouse) -> None:
    await made(data_house, environment={"NAME": "value"})
    engine = data_house.tools.engine
    raw = engine.recreate_body(await engine.inspect(data_house.specs["db"].name))
    spec = replace(data_house.specs["db"], service={}, mounts=(), raw=raw)
    place = data_house.place("scratch")
    async with booted(data_house.tools, spec, {"/data": place}, purpose="drill") as container:
        state = await engine.look(container)
        assert await data_house.ask(container, "echo $NAME; touch /data/here") == "value"
    assert LABEL_PROJECT not in state.labels
    assert [one.source for one in state.mounts] == [place.source]


async def test_one_that_does_not_start_says_why(data_house: DataHouse) -> None:
    await made(data_house, "sh", "-c", "sleep 1000")
    script = 'echo "cannot open the ledger, password=$WORD" >&2; exit 3'
    service = {"command": ["sh", "-c", script], "environment": {"WORD": "open-sesame"}}
    spec = replace(data_house.specs["db"], service=service)
    places = {"/data": data_house.place("scratch")}
    with pytest.raises(NotHealthy, match=r"code 3.*cannot open the ledger") as caught:
        async with booted(data_house.tools, spec, places, purpose="drill"):
            pass
    assert "open-sesame" not in str(caught.value.to_wire())
    assert await helpers(data_house) == []


async def test_it_waits_for_its_health_check(data_house: DataHouse) -> None:
    await made(data_house)
    check = {"test": ["CMD", "test", "-e", "/tmp/well"], "interval": "0.2s", "retries": 1000}
    command = ["sh", "-c", "sleep 1.5; touch /tmp/well; sleep 1000"]
    service = {"command": command, "healthcheck": check}
    spec = replace(data_house.specs["db"], service=service)
    places = {"/data": data_house.place("scratch")}
    async with booted(data_house.tools, spec, places, purpose="drill") as container:
        await data_house.ask(container, "test -e /tmp/well")


async def test_it_goes_when_it_is_cancelled(data_house: DataHouse) -> None:
    await made(data_house)
    for after_s in (0.0, 0.05, 0.3, 3.0):

        async def boot() -> None:
            places = {"/data": data_house.place("scratch")}
            spec = data_house.specs["db"]
            async with booted(data_house.tools, spec, places, purpose="drill"):
                await asyncio.sleep(60)

        task = asyncio.create_task(boot())
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await helpers(data_house) == [], after_s


async def test_what_a_dead_daemon_left_is_swept(data_house: DataHouse) -> None:
    await made(data_house)
    places = {"/data": data_house.place("scratch")}
    left = booted(data_house.tools, data_house.specs["db"], places, purpose="drill")
    await left.__aenter__()  # and the daemon is gone
    assert len(await helpers(data_house)) == 1
    leftovers = Leftovers(data_house.tools)
    await leftovers.recall()
    await leftovers.clear()
    assert await helpers(data_house) == []
    assert (await data_house.container()).status == "running"
    await data_house.tools.engine.apply(step(Verb.REMOVE_CONTAINER, "no-such-thing"))
