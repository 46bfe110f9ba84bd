"""Networks, volumes, images and the claim: verbs, repetition, refusals."""

from __future__ import annotations

import asyncio

import pytest

from support.bench import Bench
from support.real_engine import IMAGE
from tabib.model.container import LABEL_PROJECT, ContainerState
from tabib.model.errors import Conflict, ImageUnavailable, NotFound, StartFailed
from tabib.model.plan import Verb


async def test_network_create_conflicts_and_remove_repeats(bench: Bench) -> None:
    network = await bench.network(mine="yes")
    with pytest.raises(Conflict):
        await bench.network()
    seen = await bench.engine.observe(bench.prefix, detail=False)
    assert [(n.name, n.driver, n.labels["mine"]) for n in seen.networks] == [
        (network, "bridge", "yes")
    ]
    for _ in range(2):
        await bench.apply(Verb.REMOVE_NETWORK, network)
    assert not await bench.exists(network)


async def test_network_with_a_running_container_stays(bench: Bench) -> None:
    network = await bench.network()
    name = await bench.run("a", endpoints=bench.endpoint(network))
    with pytest.raises(Conflict):
        await bench.apply(Verb.REMOVE_NETWORK, network)
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    await bench.apply(Verb.REMOVE_NETWORK, network)
    assert not await bench.exists(network)


async def test_networks_connect_and_disconnect_repeat(bench: Bench) -> None:
    first, second = await bench.network("n1"), await bench.network("n2")
    name = await bench.run("a", endpoints=bench.endpoint(first))
    for _ in range(2):
        options = {"container": name, "aliases": ["other"]}
        await bench.apply(Verb.CONNECT_NETWORK, second, options=options)
        assert set((await bench.engine.look(name)).networks) == {first, second}
    networks = (await bench.engine.inspect(name))["NetworkSettings"]["Networks"]
    assert "other" in networks[second]["Aliases"]
    for _ in range(2):
        await bench.apply(Verb.DISCONNECT_NETWORK, second, options={"container": name})
        assert set((await bench.engine.look(name)).networks) == {first}


async def test_connect_to_no_network(bench: Bench) -> None:
    """What does not run yet is not checked: its start fails instead."""
    network = await bench.network()
    options = {"container": bench.name("a"), "aliases": []}
    name = await bench.create("a", endpoints=bench.endpoint(network))
    await bench.apply(Verb.START_CONTAINER, name)
    with pytest.raises(NotFound):
        await bench.apply(Verb.CONNECT_NETWORK, bench.name("none"), options=options)
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    await bench.apply(Verb.CONNECT_NETWORK, bench.name("none"), options=options)
    with pytest.raises(StartFailed):
        await bench.apply(Verb.START_CONTAINER, name)


async def test_container_on_two_networks_has_its_aliases(bench: Bench) -> None:
    first, second = await bench.network("n1"), await bench.network("n2")
    endpoints = (*bench.endpoint(first, "one"), *bench.endpoint(second, "two"))
    name = await bench.run("a", endpoints=endpoints)
    networks = (await bench.engine.inspect(name))["NetworkSettings"]["Networks"]
    assert "one" in networks[first]["Aliases"]
    assert "two" in networks[second]["Aliases"]
    state = await bench.engine.look(name)
    ids = {n.name: n.id for n in (await bench.engine.observe(bench.prefix)).networks}
    assert dict(state.networks) == ids


async def test_volume_with_the_same_labels_is_the_same(bench: Bench) -> None:
    volume = await bench.volume(mine="yes")
    assert await bench.volume(mine="yes") == volume
    with pytest.raises(Conflict):
        await bench.volume(mine="no")
    seen = await bench.engine.observe(bench.prefix, detail=False)
    assert [(v.name, v.labels["mine"]) for v in seen.volumes] == [(volume, "yes")]
    for _ in range(2):
        await bench.apply(Verb.REMOVE_VOLUME, volume)
    assert not await bench.exists(volume)


async def test_volume_in_use_stays_also_when_its_container_is_stopped(bench: Bench) -> None:
    volume = await bench.volume()
    name = await bench.create("a", mounts=(bench.mount(volume, "/data"),))
    with pytest.raises(Conflict):
        await bench.apply(Verb.REMOVE_VOLUME, volume)
    await bench.apply(Verb.REMOVE_CONTAINER, name, options={"volumes": True})
    assert await bench.exists(volume), "a named volume stays"
    await bench.apply(Verb.REMOVE_VOLUME, volume)


def _anonymous(state: ContainerState) -> str:
    return next(mount.name for mount in state.mounts if mount.target == "/anon")


async def test_anonymous_volumes_go_only_when_asked(bench: Bench) -> None:
    name = await bench.create("a", mounts=(bench.mount("", "/anon"),))
    kept = _anonymous(await bench.engine.look(name))
    assert len(kept) == 64
    await bench.apply(Verb.REMOVE_CONTAINER, name)
    assert await bench.exists(kept)
    again = await bench.create("a", mounts=(bench.mount(kept, "/anon"),))
    await bench.apply(Verb.REMOVE_CONTAINER, again, options={"volumes": True})
    assert await bench.exists(kept), "given by name it is a named one"
    await bench.apply(Verb.REMOVE_VOLUME, kept)
    name = await bench.create("b", mounts=(bench.mount("", "/anon"),))
    lost = _anonymous(await bench.engine.look(name))
    await bench.apply(Verb.REMOVE_CONTAINER, name, options={"volumes": True})
    assert not await bench.exists(lost)


async def test_directory_outlives_its_volume(bench: Bench) -> None:
    folder = bench.folder / "g1"
    folder.mkdir()
    for turn in range(2):
        volume = await bench.volume(directory=str(folder))
        name = await bench.run("a", mounts=(bench.mount(volume, "/data"),))
        if turn == 0:
            await bench.engine.exec(name, ["touch", "/data/kept"])
        else:
            assert (await bench.engine.exec(name, ["test", "-f", "/data/kept"])).exit_code == 0
        await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})
        seen = await bench.engine.observe(bench.prefix, detail=False)
        assert seen.volumes[0].options == {"type": "none", "o": "bind", "device": str(folder)}
        await bench.apply(Verb.REMOVE_VOLUME, volume)


async def test_data_of_a_volume_is_shared_and_outlives_containers(bench: Bench) -> None:
    volume = await bench.volume()
    first = await bench.run("a", mounts=(bench.mount(volume, "/data"),))
    await bench.engine.exec(first, ["touch", "/data/x"])
    second = await bench.run("b", mounts=(bench.mount(volume, "/else", read_only=True),))
    await bench.apply(Verb.REMOVE_CONTAINER, first, options={"force": True})
    assert (await bench.engine.exec(second, ["test", "-f", "/else/x"])).exit_code == 0
    assert (await bench.engine.look(second)).mounts[0].read_only


async def test_image_tags_come_and_go(bench: Bench) -> None:
    repository = f"{bench.prefix}/keep"
    options = {"repository": repository, "tag": "1"}
    try:
        for _ in range(2):
            await bench.apply(Verb.TAG_IMAGE, IMAGE, options=options)
        seen = await bench.engine.observe(
            bench.prefix, images=[IMAGE, f"{repository}:1", f"{repository}:2"], detail=False
        )
        assert set(seen.images) == {IMAGE, f"{repository}:1"}
        assert seen.images[IMAGE].id == seen.images[f"{repository}:1"].id
        assert f"{repository}:1" in seen.images[IMAGE].tags
        assert seen.images[IMAGE].platform == "linux/amd64"
        assert seen.images[IMAGE].size_bytes > 0
        by_id = await bench.engine.observe(
            bench.prefix, images=[seen.images[IMAGE].id], detail=False
        )
        assert by_id.images[seen.images[IMAGE].id] == seen.images[IMAGE]
    finally:
        for _ in range(2):
            await bench.apply(Verb.UNTAG_IMAGE, f"{repository}:1")
    seen = await bench.engine.observe(images=[f"{repository}:1", IMAGE], detail=False)
    assert set(seen.images) == {IMAGE}


async def test_tag_of_no_image(bench: Bench) -> None:
    with pytest.raises(ImageUnavailable):
        await bench.apply(
            Verb.TAG_IMAGE, f"{bench.prefix}/none:1", options={"repository": "x", "tag": "1"}
        )


async def test_pull_of_what_no_registry_has(bench: Bench) -> None:
    with pytest.raises(ImageUnavailable) as caught:
        await bench.apply(Verb.PULL_IMAGE, f"localhost:1/{bench.prefix}:1")
    assert caught.value.details["code"] in ("image.not-found", "image.registry-unreachable")


async def test_first_claim_wins(bench: Bench) -> None:
    """Beside another installation's claim on a real engine, this reads and changes nothing."""
    owner = {"tabib.test": bench.prefix}
    seen = await bench.engine.observe(detail=False)
    others = {volume.name: volume.labels for volume in seen.volumes}
    if "tabib_owner" in others:
        assert await bench.engine.claim(owner) == others["tabib_owner"]
        return
    try:
        assert await bench.engine.claim(owner) == owner
        assert await bench.engine.claim({"tabib.test": "late", "more": "x"}) == owner
        assert await bench.engine.claim(owner) == owner
    finally:
        await bench.engine.unclaim()
        await bench.engine.unclaim()
    assert not await bench.exists("tabib_owner")


async def test_of_two_creations_at_once_one_wins(bench: Bench) -> None:
    spec = bench.spec("a", labels={LABEL_PROJECT: bench.prefix})
    results = await asyncio.gather(
        *(bench.apply(Verb.CREATE_CONTAINER, container=spec) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Conflict) for result in results) == 2
    assert len((await bench.engine.observe(bench.prefix)).containers) == 1
