"""Each verb on a real engine: what it does, that it may be repeated, how it fails."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from support.real_engine import step
from tabib.engines.docker import DockerEngine
from tabib.model.container import Endpoint, InjectedFile, Mount, NetworkSpec, VolumeSpec
from tabib.model.errors import (
    Conflict,
    EngineError,
    ImageUnavailable,
    NotFound,
    PortTaken,
    StartFailed,
)
from tabib.model.plan import Verb

pytestmark = pytest.mark.engine


async def test_a_container_lives_and_every_step_may_be_repeated(
    engine: DockerEngine, create: Any
) -> None:
    name = await create()
    await engine.apply(step(Verb.START_CONTAINER, name))
    for verb, status in (
        (Verb.PAUSE_CONTAINER, "paused"),
        (Verb.UNPAUSE_CONTAINER, "running"),
        (Verb.STOP_CONTAINER, "exited"),
    ):
        for _ in range(2):
            await engine.apply(step(verb, name, options={"timeout_s": 0}))
        assert (await engine.inspect(name))["State"]["Status"] == status
    for _ in range(2):
        await engine.apply(step(Verb.REMOVE_CONTAINER, name, options={"force": True}))
    with pytest.raises(NotFound):
        await engine.inspect(name)


async def test_what_is_gone_can_be_stopped_but_not_started(
    engine: DockerEngine, prefix: str
) -> None:
    await engine.apply(step(Verb.STOP_CONTAINER, f"{prefix}-none"))
    with pytest.raises(NotFound) as caught:
        await engine.apply(step(Verb.START_CONTAINER, f"{prefix}-none"))
    assert caught.value.attempted == "start container"
    assert caught.value.target == f"{prefix}-none"


async def test_a_name_in_use_is_a_conflict_that_names_the_holder(
    engine: DockerEngine, create: Any
) -> None:
    name = await create(start=False)
    holder = (await engine.inspect(name))["Id"]
    with pytest.raises(Conflict) as caught:
        await create(start=False)
    assert caught.value.details["code"] == "config.name-conflict"
    assert caught.value.details["holder"] == holder


async def test_stop_with_another_signal(engine: DockerEngine, create: Any) -> None:
    script = "trap 'exit 7' USR1; trap 'exit 8' TERM; while :; do sleep 0.05; done"
    name = await create(service={"command": ["sh", "-c", script]})
    await asyncio.wait_for(_until_log(engine, name, "", 0.3), 5)
    await engine.apply(
        step(Verb.STOP_CONTAINER, name, options={"signal": "SIGUSR1", "timeout_s": 5})
    )
    assert await engine.wait(name) == 7


async def _until_log(engine: DockerEngine, name: str, text: str, pause_s: float) -> None:
    """A shell sets its traps right after it starts: give it a moment of real time."""
    await asyncio.sleep(pause_s)


async def test_kill_needs_a_running_container(engine: DockerEngine, create: Any) -> None:
    name = await create()
    await engine.apply(step(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"}))
    assert await engine.wait(name) == 137
    with pytest.raises(Conflict):
        await engine.apply(step(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"}))


async def test_rename_twice_to_the_same_name(engine: DockerEngine, create: Any) -> None:
    name = await create(start=False)
    await engine.apply(step(Verb.RENAME_CONTAINER, name, options={"name": f"{name}-new"}))
    await engine.apply(step(Verb.RENAME_CONTAINER, f"{name}-new", options={"name": f"{name}-new"}))
    assert (await engine.inspect(f"{name}-new"))["Name"] == f"/{name}-new"


async def test_networks(engine: DockerEngine, create: Any, prefix: str) -> None:
    wanted = NetworkSpec(name=f"{prefix}-net", labels={"k": "v"})
    made = await engine.apply(step(Verb.CREATE_NETWORK, wanted.name, network=wanted))
    with pytest.raises(Conflict):
        await engine.apply(step(Verb.CREATE_NETWORK, wanted.name, network=wanted))
    name = await create(network_mode="", endpoints=(Endpoint(network=wanted.name),))
    other = NetworkSpec(name=f"{prefix}-other")
    await engine.apply(step(Verb.CREATE_NETWORK, other.name, network=other))
    options = {"container": name, "aliases": ("x",)}
    for _ in range(2):
        await engine.apply(step(Verb.CONNECT_NETWORK, other.name, options=options))
    networks = (await engine.inspect(name))["NetworkSettings"]["Networks"]
    assert networks[wanted.name]["NetworkID"] == made.id
    assert "x" in networks[other.name]["Aliases"]
    with pytest.raises(Conflict) as attached:
        await engine.apply(step(Verb.REMOVE_NETWORK, other.name))
    assert name in attached.value.advice
    for _ in range(2):
        await engine.apply(step(Verb.DISCONNECT_NETWORK, other.name, options=options))
    for _ in range(2):
        await engine.apply(step(Verb.REMOVE_NETWORK, other.name))


async def test_overlapping_networks_exhaust_the_pool(engine: DockerEngine, prefix: str) -> None:
    pool = {"ipam": {"config": [{"subnet": "10.253.77.0/24"}]}}
    for name in ("one", "two"):
        wanted = NetworkSpec(name=f"{prefix}-{name}", spec=pool)
        creation = step(Verb.CREATE_NETWORK, wanted.name, network=wanted)
        if name == "one":
            await engine.apply(creation)
            continue
        with pytest.raises(EngineError) as caught:
            await engine.apply(creation)
        assert caught.value.details["code"] == "network.pool-exhausted"


async def test_volumes(engine: DockerEngine, create: Any, prefix: str, tmp_path: Any) -> None:
    wanted = VolumeSpec(name=f"{prefix}-v", labels={"k": "v"}, directory=str(tmp_path))
    for _ in range(2):
        await engine.apply(step(Verb.CREATE_VOLUME, wanted.name, volume=wanted))
    with pytest.raises(Conflict):
        await engine.apply(
            step(Verb.CREATE_VOLUME, wanted.name, volume=VolumeSpec(name=wanted.name))
        )
    mount = Mount(type="volume", source=wanted.name, target="/data")
    script = ["sh", "-c", "echo kept > /data/file"]
    name = await create(service={"command": script}, mounts=(mount,))
    assert await engine.wait(name) == 0
    with pytest.raises(Conflict):
        await engine.apply(step(Verb.REMOVE_VOLUME, wanted.name))
    await engine.apply(step(Verb.REMOVE_CONTAINER, name))
    for _ in range(2):
        await engine.apply(step(Verb.REMOVE_VOLUME, wanted.name))
    assert (tmp_path / "file").read_text() == "kept\n"


async def test_a_volume_whose_folder_is_gone(
    engine: DockerEngine, create: Any, prefix: str, tmp_path: Any
) -> None:
    wanted = VolumeSpec(name=f"{prefix}-v", directory=str(tmp_path / "gone"))
    await engine.apply(step(Verb.CREATE_VOLUME, wanted.name, volume=wanted))
    with pytest.raises(StartFailed) as caught:
        await create(mounts=(Mount(type="volume", source=wanted.name, target="/data"),))
    assert caught.value.details["code"] == "storage.volume-lost"


async def test_a_missing_network_fails_the_start(create: Any, prefix: str) -> None:
    endpoints = (Endpoint(network=f"{prefix}-absent"),)
    with pytest.raises(StartFailed) as caught:
        await create(network_mode="", endpoints=endpoints)
    assert caught.value.details["code"] == "network.missing"


async def test_a_creation_that_fails_half_way_leaves_nothing(
    engine: DockerEngine, create: Any, prefix: str
) -> None:
    for name in ("one", "two"):
        wanted = NetworkSpec(name=f"{prefix}-{name}")
        await engine.apply(step(Verb.CREATE_NETWORK, wanted.name, network=wanted))
    refused = Endpoint(network=f"{prefix}-two", options={"ipv4_address": "no address"})
    with pytest.raises((EngineError, StartFailed)):
        await create(network_mode="", endpoints=(Endpoint(network=f"{prefix}-one"), refused))
    with pytest.raises(NotFound):
        await engine.inspect(f"{prefix}-a")


async def test_files_are_there_before_the_start(engine: DockerEngine, create: Any) -> None:
    file = InjectedFile(path="/run/secrets/key", content="geheim\n", uid=7, gid=8, mode=0o440)
    script = "cat /run/secrets/key; stat -c '%u %g %a' /run/secrets/key"
    name = await create(service={"command": ["sh", "-c", script]}, files=(file,))
    assert await engine.wait(name) == 0
    assert [line.text async for line in engine.logs(name)] == ["geheim", "7 8 440"]


async def test_files_into_a_read_only_root_are_refused_with_advice(
    engine: DockerEngine, create: Any, prefix: str
) -> None:
    file = InjectedFile(path="/key", content="x")
    with pytest.raises(StartFailed) as caught:
        await create(service={"read_only": True}, files=(file,))
    assert caught.value.details["code"] == "storage.read-only"
    with pytest.raises(NotFound):
        await engine.inspect(f"{prefix}-a")


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ({"command": ["/no/such"]}, "exit.command-not-found"),
        ({"command": ["nosuch"]}, "exit.command-not-found"),
        ({"command": ["/etc"]}, "exit.not-executable"),
        ({"command": ["/bin"]}, "exit.not-executable"),
        ({"deploy": {"resources": {"limits": {"memory": "1000"}}}}, "config.limit-refused"),
        ({"deploy": {"resources": {"limits": {"cpus": 5000}}}}, "config.limit-refused"),
        ({"runtime": "nosuch"}, "config.device-missing"),
        ({"devices": [{"source": "/dev/nosuch"}]}, "config.device-missing"),
        ({"gpus": [{"count": -1}]}, "config.device-missing"),
    ],
)
async def test_what_cannot_start_says_why(create: Any, service: Any, code: str) -> None:
    with pytest.raises(StartFailed) as caught:
        await create(service=service)
    assert caught.value.details["code"] == code
    assert caught.value.advice


async def test_a_missing_bind_source(create: Any, tmp_path: Any) -> None:
    mount = Mount(type="bind", source=str(tmp_path / "gone"), target="/x")
    with pytest.raises(StartFailed) as caught:
        await create(mounts=(mount,))
    assert caught.value.details["code"] == "storage.bind-missing"
    assert caught.value.details["path"] == str(tmp_path / "gone")


async def test_a_folder_mounted_on_a_file(create: Any, tmp_path: Any) -> None:
    mount = Mount(type="bind", source=str(tmp_path), target="/bin/sh")
    with pytest.raises(StartFailed) as caught:
        await create(mounts=(mount,))
    assert caught.value.details["code"] == "storage.bind-missing"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
async def test_a_port_that_another_container_has(
    create: Any, prefix: str, protocol: str, free_port: int, bridged: dict[str, Any]
) -> None:
    port = {"target": 80, "published": str(free_port), "protocol": protocol}
    await create("one", **bridged, service={"ports": [port]})
    with pytest.raises(PortTaken) as caught:
        await create("two", **bridged, service={"ports": [port]})
    details = caught.value.details
    assert (details["port"], details["protocol"]) == (free_port, protocol)
    assert details["holder"] == f"{prefix}-one"


async def test_a_port_that_a_process_has(
    create: Any, free_port: int, bridged: dict[str, Any]
) -> None:
    listener = {"command": ["nc", "-l", "-p", str(free_port)]}
    await create("listener", network_mode="host", service=listener)
    await asyncio.sleep(0.3)  # until it listens; a process of the host, as far as ports go
    port = {"target": 80, "published": str(free_port), "protocol": "tcp"}
    with pytest.raises(PortTaken) as caught:
        await create(**bridged, service={"ports": [port]})
    assert caught.value.details["port"] == free_port
    assert caught.value.details["protocol"] == "tcp"
    assert "holder" not in caught.value.details


@pytest.fixture
async def bridged(engine: DockerEngine, prefix: str) -> dict[str, Any]:
    """A container's fields for a network of the test's own, through which ports are published."""
    wanted = NetworkSpec(name=f"{prefix}-published")
    await engine.apply(step(Verb.CREATE_NETWORK, wanted.name, network=wanted))
    return {"network_mode": "", "endpoints": (Endpoint(network=wanted.name),)}


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_image_that_is_not_there(create: Any, prefix: str) -> None:
    with pytest.raises(ImageUnavailable) as caught:
        await create(image=f"{prefix}/none:1")
    assert caught.value.details["code"] == "image.not-found"


async def test_removals_at_the_same_time_all_end_when_it_is_gone(
    engine: DockerEngine, create: Any
) -> None:
    name = await create()
    removal = step(Verb.REMOVE_CONTAINER, name, options={"force": True})

    async def remove() -> None:
        await engine.apply(removal)
        with pytest.raises(NotFound):
            await engine.inspect(name)

    await asyncio.gather(*(remove() for _ in range(6)))
