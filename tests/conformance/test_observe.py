"""What a look shows, with and without detail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.bench import SLEEPER, Bench, exits, ordered
from support.real_engine import IMAGE
from tabib.model.container import ContainerSpec
from tabib.model.errors import NotFound
from tabib.model.plan import Verb

PORT = 18932


async def test_info(bench: Bench) -> None:
    info, again = await bench.engine.info(), await bench.engine.info()
    assert info.id
    assert info.id == again.id
    assert info.started_at is not None
    assert again.started_at is not None
    assert abs((info.started_at - again.started_at).total_seconds()) < 1.0
    assert info.kind == bench.kind
    assert info.version
    assert tuple(map(int, info.api_version.split("."))) >= (1, 41)
    assert info.os == "linux"


async def test_look_at_nothing(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.engine.look(bench.name("none"))
    with pytest.raises(NotFound):
        await bench.engine.inspect(bench.name("none"))


async def test_observe_keeps_to_the_project(bench: Bench) -> None:
    mine = await bench.create("a")
    await bench.create("b", labels={"com.docker.compose.project": f"{bench.prefix}x"})
    await bench.network()
    await bench.volume()
    seen = await bench.engine.observe(bench.prefix)
    assert [c.name for c in seen.containers] == [mine]
    assert [n.name for n in seen.networks] == [bench.name("net")]
    assert [v.name for v in seen.volumes] == [bench.name("data")]
    everything = await bench.engine.observe(detail=False)
    assert {mine, bench.name("b")} <= {c.name for c in everything.containers}
    assert (await bench.engine.observe(f"{bench.prefix}y")).containers == ()


async def test_running_container_in_full(bench: Bench) -> None:
    network, volume = await bench.network(), await bench.volume()
    service = {
        "ports": [{"target": 80, "published": str(PORT), "protocol": "tcp", "mode": "ingress"}],
        "expose": ["81"],
        "restart": "on-failure:3",
    }
    mounts = (bench.mount(volume, "/data"), bench.mount("", "/anon"))
    result = await bench.apply(
        Verb.CREATE_CONTAINER,
        container=bench.spec(
            "a", service=service, mounts=mounts, endpoints=bench.endpoint(network)
        ),
    )
    await bench.apply(Verb.START_CONTAINER, result.id)
    seen = await bench.engine.observe(bench.prefix, images=[IMAGE])
    (state,) = seen.containers
    assert state.id == result.id
    assert (state.name, state.status, state.image) == (bench.name("a"), "running", IMAGE)
    assert state.image_id == seen.images[IMAGE].id
    assert (state.project, state.service, state.slot) == (bench.prefix, "a", 1)
    assert state.exit_code is None
    assert dict(state.networks) == {network: seen.networks[0].id}
    assert {(m.type, m.target, m.read_only) for m in state.mounts} == {
        ("volume", "/data", False),
        ("volume", "/anon", False),
    }
    assert next(m.name for m in state.mounts if m.target == "/data") == volume
    published = {(p.container_port, p.protocol, p.host_port) for p in state.ports}
    assert published == {(80, "tcp", PORT), (81, "tcp", 0)}
    assert state.started_at is not None
    assert state.started_at >= state.created_at
    assert (state.restarts, state.oom_killed, state.error) == (0, False, "")
    assert state.restart_policy == "on-failure:3"
    assert ordered(await bench.engine.look(state.name)) == ordered(state)


async def test_without_detail_the_rest_is_the_same(bench: Bench) -> None:
    await bench.run("a", service={"restart": "always"})
    (full,) = (await bench.engine.observe(bench.prefix)).containers
    (brief,) = (await bench.engine.observe(bench.prefix, detail=False)).containers
    assert brief == replace(
        full,
        created_at=full.created_at.replace(microsecond=0),
        started_at=None,
        restart_policy="",
        pid=0,
        log_driver="",
        log_path="",
    )
    assert full.restart_policy == "always"


async def test_exit_code_shows_without_detail(bench: Bench) -> None:
    name = await bench.run("a", exits(7))
    await bench.until(name, lambda c: c.status == "exited")
    (brief,) = (await bench.engine.observe(bench.prefix, detail=False)).containers
    assert (brief.status, brief.exit_code, brief.ports) == ("exited", 7, ())


async def test_stopped_container_keeps_its_network(bench: Bench) -> None:
    network = await bench.network()
    name = await bench.run("a", endpoints=bench.endpoint(network))
    before = await bench.engine.look(name)
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    assert (await bench.engine.look(name)).networks == before.networks


async def test_what_a_recreation_from_the_inspection_keeps(bench: Bench) -> None:
    network, volume = await bench.network(), await bench.volume()
    service = {
        "environment": {"A": "1"},
        "restart": "unless-stopped",
        "healthcheck": {"test": ["CMD", "true"], "interval": "1s"},
        "ports": [{"target": 80, "published": str(PORT), "protocol": "tcp", "mode": "ingress"}],
        "stop_grace_period": "2s",
    }
    mounts = (bench.mount(volume, "/data"), bench.mount("", "/anon"))
    endpoints = bench.endpoint(network, "alias")
    name = await bench.run(
        "a", SLEEPER, service=service, mounts=mounts, endpoints=endpoints, labels={"mine": "1"}
    )
    old, inspection = await bench.engine.look(name), await bench.engine.inspect(name)
    raw = bench.engine.recreate_body(inspection)
    await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})
    spec = ContainerSpec(
        name=name, project=bench.prefix, service_name="a", slot=1, image=IMAGE, raw=raw
    )
    await bench.apply(Verb.CREATE_CONTAINER, container=spec)
    await bench.apply(Verb.START_CONTAINER, name)
    new, again = await bench.engine.look(name), await bench.engine.inspect(name)
    assert new.id != old.id
    for field in ("name", "image", "image_id", "labels", "networks", "ports", "restart_policy"):
        assert getattr(ordered(new), field) == getattr(ordered(old), field), field
    kept = {(mount.name, mount.target) for mount in old.mounts}
    assert {(mount.name, mount.target) for mount in new.mounts} == kept, "anonymous ones too"
    for field in ("Cmd", "Env", "Healthcheck", "StopTimeout"):
        assert again["Config"].get(field) == inspection["Config"].get(field), field
    aliases = again["NetworkSettings"]["Networks"][network]["Aliases"]
    assert "alias" in aliases
    assert old.id[:12] not in aliases
    # Its successor has it by name, so that nothing else would remove it.
    (anonymous,) = [mount.name for mount in new.mounts if mount.target == "/anon"]
    await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})
    await bench.apply(Verb.REMOVE_VOLUME, anonymous)
