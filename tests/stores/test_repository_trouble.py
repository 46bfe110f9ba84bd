"""Repositories in trouble, each trouble provoked for real, with both ends of restic's versions."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from stores.repository_support import IMAGE, OLDEST_IMAGE, SAMPLE, Shelf, shelf, stream, tags, whole
from support import real_engine
from tabib.model.backup import Place, RepositoryAddress
from tabib.model.errors import (
    ImageUnavailable,
    Refused,
    RepositoryDamaged,
    RepositoryFull,
    RepositoryKeyWrong,
    RepositoryLocked,
    RepositoryMissing,
    StateUnusable,
    TabibError,
)
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Verb
from tabib.stores.repository.restic import ResticRepository

pytestmark = pytest.mark.engine


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(tmp_path) as opened:
        yield opened


@pytest.fixture(params=[IMAGE, OLDEST_IMAGE])
async def repository(desk: Shelf, request: pytest.FixtureRequest) -> ResticRepository:
    desk.image = request.param
    return cast(ResticRepository, await desk.repositories().get(RepositoryAddress()))


@pytest.fixture
def folder(desk: Shelf) -> Path:
    return desk.state.path / "backups" / "repository"


async def _left_locked(desk: Shelf, repository: ResticRepository, hostname: str) -> None:
    """A helper with that host name is killed while it holds a lock."""
    spec = repository._spec(["restic", "--no-cache", "backup", "--stdin"], input="held")
    locks = desk.state.path / "backups" / "repository" / "locks"
    async with desk.engine.start_one_shot(replace(spec, hostname=hostname or spec.hostname)):
        async with asyncio.timeout(20):
            # Written under another name first.
            while not any(len(one.name) == 64 for one in locks.iterdir()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert len(list(locks.iterdir())) == 1


async def test_the_lock_of_a_dead_helper_is_removed(
    desk: Shelf, repository: ResticRepository, folder: Path
) -> None:
    await _left_locked(desk, repository, "")
    await repository.prune()
    assert not list((folder / "locks").iterdir())


async def test_a_strangers_lock_is_waited_for_and_left(
    desk: Shelf, repository: ResticRepository, folder: Path
) -> None:
    await _left_locked(desk, repository, "stranger")
    desk.lock_wait_s = 3.0
    hurried = await desk.repositories().get(RepositoryAddress())
    with pytest.raises(RepositoryLocked, match="stranger"):
        await hurried.prune()
    assert len(list((folder / "locks").iterdir())) == 1
    # It hinders neither copies nor their reading.
    saved = await hurried.save_stream(stream(b"1"), filename="a", tags=tags())
    assert await whole(hurried.read(saved.id, "/a")) == b"1"


async def test_a_living_helper_of_ours_is_waited_for(
    desk: Shelf, repository: ResticRepository
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        begun.set()
        await go_on.wait()
        yield b"y" * 1000

    saving = asyncio.create_task(repository.save_stream(slow(), filename="a", tags=tags()))
    await begun.wait()
    await asyncio.sleep(1.5)
    pruning = asyncio.create_task(repository.prune())
    await asyncio.sleep(4)
    assert not pruning.done()
    go_on.set()
    saved = await saving
    await pruning
    assert await whole(repository.read(saved.id, "/a")) == b"x" * 1000 + b"y" * 1000


async def test_a_helper_that_waits_for_its_input_holds_nobody_up(
    desk: Shelf, repository: ResticRepository
) -> None:
    """It has no lock yet: a dead one is removed, and what wants the repository alone gets it."""
    go_on = asyncio.Event()

    async def late() -> AsyncIterator[bytes]:
        await go_on.wait()
        yield b"x"

    saving = asyncio.create_task(repository.save_stream(late(), filename="a", tags=tags()))
    await _until_a_helper_runs(desk)
    await _left_locked(desk, repository, "")
    async with asyncio.timeout(60):
        await repository.prune()
    assert not saving.done()
    go_on.set()
    saved = await saving
    assert await whole(repository.read(saved.id, "/a")) == b"x"


async def _until_a_helper_runs(desk: Shelf) -> None:
    async with asyncio.timeout(20):
        while True:
            seen = await desk.engine.observe(detail=False)
            running = [one for one in seen.containers if one.status == "running"]
            if any(one.labels.get(LABEL_HELPER) for one in running):
                return
            await asyncio.sleep(0.05)


async def test_a_wrong_key(desk: Shelf, repository: ResticRepository) -> None:
    with pytest.raises(RepositoryKeyWrong):
        await desk.repositories().with_key(RepositoryAddress(), "x" * 43)
    key = await desk.repositories().key()
    same = await desk.repositories().with_key(RepositoryAddress(), key)
    assert await same.open() == await repository.open()


async def test_damage_is_no_empty_repository(
    desk: Shelf, repository: ResticRepository, folder: Path
) -> None:
    source = await desk.volume(SAMPLE)
    saved = await repository.save_files(source, tags=tags())
    await repository.check()

    def largest() -> Path:
        packs = [one for one in (folder / "data").rglob("*") if one.is_file()]
        return max(packs, key=lambda one: one.stat().st_size)

    pack = largest()
    whole_pack = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole_pack[:1000] + bytes([whole_pack[1000] ^ 1]) + whole_pack[1001:])
    with pytest.raises(RepositoryDamaged):
        await repository.check(subset="1/1")
    pack.unlink()
    with pytest.raises(RepositoryDamaged):
        await repository.check()
    with pytest.raises(TabibError):
        await repository.prune()
    if desk.image == IMAGE:  # 0.14 tries for a quarter of an hour to read what is not there
        with pytest.raises(RepositoryDamaged):
            await repository.restore_files(saved.id, await desk.volume())
        with pytest.raises(RepositoryDamaged):
            await whole(repository.read(saved.id, "/data/deep/er/random.bin"))
    for one in (folder / "index").iterdir():
        one.unlink()
    with pytest.raises(RepositoryDamaged):
        await repository.entries(saved.id, "/data")
    [snapshot] = (folder / "snapshots").iterdir()
    snapshot.chmod(0o600)
    snapshot.write_bytes(b"nothing")
    with pytest.raises(RepositoryDamaged):
        await repository.stored()
    (folder / "config").unlink()
    with pytest.raises(RepositoryMissing):
        await desk.repositories().get(RepositoryAddress())
    assert not (folder / "config").exists()


async def test_what_is_there_without_a_configuration_is_left_alone(
    desk: Shelf, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo").write_text("x")
    with pytest.raises(RepositoryDamaged, match="holds something"):
        await desk.repositories().get(RepositoryAddress(url=str(tmp_path / "mine")))
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["photo"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    at = tmp_path / "small"
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.mark.parametrize("image", [IMAGE, OLDEST_IMAGE])
async def test_a_full_disk(desk: Shelf, small_disk: Path, image: str) -> None:
    desk.image = image
    repository = await desk.repositories().get(RepositoryAddress(url=f"{small_disk}/r"))
    source = await desk.volume("head -c 20000000 /dev/urandom > /data/a")
    saving = repository.save_files(source, tags=tags())
    if image == OLDEST_IMAGE:
        # It goes on trying for a quarter of an hour.
        with pytest.raises((RepositoryFull, TimeoutError)):
            async with asyncio.timeout(20):
                await saving
    else:
        with pytest.raises(RepositoryFull):
            await saving
    assert await repository.stored() == []
    fits = await repository.save_stream(stream(b"\0" * 9_000_000), filename="a", tags=tags())
    (small_disk / "target").mkdir()
    target = Place(type="bind", source=str(small_disk / "target"))
    with pytest.raises(TabibError, match="no room for it"):
        await repository.restore_files(fits.id, target, path="/", include=["/a"])


async def test_files_that_cannot_be_read_are_told(desk: Shelf) -> None:
    """restic's words of a disk that fails, as it says them; a real one is not to be had here."""
    from tabib.stores.repository.trouble import unreadable

    said = (
        '{"message_type":"error","error":{"message":"read /data/a: input/output error"},'
        '"during":"archival","item":"/data/a"}\n'
        '{"message_type":"error","error":{"message":"open /data/b: permission denied"},'
        '"during":"archival","item":"/data/b"}\n'
        '{"message_type":"error","error":{"message":"lstat /data/c: no such file or directory"},'
        '"during":"archival","item":"/data/c"}\n'
    )
    assert unreadable(said) == (["/data/a", "/data/b"], ["/data/a"])


async def test_helpers_of_a_dead_daemon_are_removed(
    desk: Shelf, repository: ResticRepository
) -> None:
    spec = repository._spec(["sleep", "60"])
    spec = replace(spec, labels={**spec.labels, "tabib.run": "earlier"}, name=f"{desk.prefix}_old")
    async with desk.engine.start_one_shot(spec):
        await desk.repositories().get(RepositoryAddress())
        seen = await desk.engine.observe(detail=False)
        assert spec.name not in {one.name for one in seen.containers}


async def test_the_key_file(desk: Shelf) -> None:
    key = await desk.repositories().key()
    path = desk.state.path / "keys" / "repository.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(key) == 43
    assert await desk.repositories().key() == key
    path.chmod(0o644)
    assert await desk.repositories().key() == key
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("\n")
    with pytest.raises(StateUnusable):
        await desk.repositories().key()


async def test_an_image_that_is_gone_comes_from_what_was_kept(desk: Shelf) -> None:
    copy = f"{desk.prefix}/restic:1"
    step = real_engine.step(
        Verb.TAG_IMAGE, IMAGE, options={"repository": f"{desk.prefix}/restic", "tag": "1"}
    )
    await desk.engine.apply(step)
    try:
        await desk.repositories(image=copy, keep_image=True).get(RepositoryAddress())
        [kept] = (desk.state.path / "backups" / "image").iterdir()
        assert kept.suffix == ".tar"
        await desk.engine.apply(real_engine.step(Verb.UNTAG_IMAGE, copy))
        repository = await desk.repositories(image=copy, keep_image=True).get(RepositoryAddress())
        assert await repository.stored() == []
        await desk.engine.apply(real_engine.step(Verb.UNTAG_IMAGE, copy))
        kept.unlink()
        with pytest.raises(ImageUnavailable, match="docker load"):
            await desk.repositories(image=copy).get(RepositoryAddress())
    finally:
        await desk.engine.apply(real_engine.step(Verb.UNTAG_IMAGE, copy))


@pytest.mark.skipif(os.geteuid() != 0, reason="roots of their own are root's to make")
async def test_where_there_is_no_image_this_hosts_restic_makes_the_same(desk: Shelf) -> None:
    made = await desk.repositories().get(RepositoryAddress())
    source, target = await desk.volume(SAMPLE), await desk.volume()
    first = await made.save_files(source, tags=tags())
    program = desk.state.path / "restic"
    spec = made._spec(["cat", "/usr/bin/restic"])  # type: ignore[attr-defined]
    with program.open("wb") as file:
        async with desk.engine.start_one_shot(spec) as process:
            async for stream_, data in process.output():
                if stream_ == "stdout":
                    file.write(data)
    program.chmod(0o755)
    desk.host_program = str(program)
    here = await desk.repositories(image=f"{desk.prefix}/none:1").get(RepositoryAddress())
    second = await here.save_files(source, tags=tags())
    assert second.added_bytes < 10_000
    third = await here.save_stream(stream(b"select 1"), filename="a", tags=tags())
    assert [one.id for one in await made.stored()] == [first.id, second.id, third.id]
    await here.restore_files(second.id, target)
    assert await desk.look(target) == await desk.look(source)
    assert await whole(here.read(third.id, "/a")) == b"select 1"
    with pytest.raises(Refused):
        await here.restore_files(second.id, target)

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise ValueError("the dump failed")

    with pytest.raises(ValueError, match="the dump failed"):
        await here.save_stream(broken(), filename="a", tags=tags())
    assert len(await made.stored()) == 3
