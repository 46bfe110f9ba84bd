"""The port Repository, by what it promises, on restic beside a local folder."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stores.repository_support import IMAGE, OLDEST_IMAGE, SAMPLE, Shelf, shelf, stream, tags, whole
from tabib.model.backup import BytesDone, Place, RepositoryAddress, Saved
from tabib.model.errors import ImageUnavailable, NotFound, Refused, RepositoryMissing, TabibError
from tabib.operations.backups.manifest import read_manifest, read_manifests
from tabib.ports import Repository
from tabib.stores.repository.scripts import WHOLE, ahead_of_it

pytestmark = pytest.mark.engine
AHEAD = pytest.mark.parametrize("ahead", [False, True], ids=["when it comes", "ahead"])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(tmp_path) as opened:
        yield opened


@pytest.fixture(params=[IMAGE, OLDEST_IMAGE])
async def repository(desk: Shelf, request: pytest.FixtureRequest) -> Repository:
    desk.image = request.param
    return await desk.repositories().get(RepositoryAddress())


async def test_a_key_that_nobody_guesses_costs_little(desk: Shelf, repository: Repository) -> None:
    """Of the work that restic does before each run; a key of a person's stays as dear as ever."""
    ours, theirs = desk.state.path / "backups" / "repository", desk.state.path / "theirs"
    with_word = desk.repositories()
    address = RepositoryAddress(url=str(theirs))
    made = with_word._repository(address, await with_word._target(address), "a word of a person's")
    await made.create()
    assert _work(ours) <= min(_work(theirs), _LITTLE)


_LITTLE = 4 * 16384 * 8
"""restic's full measure on a machine of 2026: about 6 * 32768 * 8; under load it finds less."""


def _work(repository: Path) -> int:
    [key] = (repository / "keys").iterdir()
    said = json.loads(key.read_text())
    return int(said["N"]) * int(said["r"]) * int(said["p"])


async def test_files_come_back_as_they_were(desk: Shelf, repository: Repository) -> None:
    source, target = await desk.volume(SAMPLE), await desk.volume()
    heard: list[BytesDone] = []
    saved = await repository.save_files(
        source, tags=tags("dataset=/srv/a,b%"), progress=heard.append
    )
    assert saved.files >= 3
    assert saved.size_bytes > 300_000
    assert saved.added_bytes > 300_000
    assert heard[-1].done == saved.size_bytes
    [stored] = await repository.stored()
    assert (stored.id, stored.tags) == (saved.id, tags("dataset=/srv/a,b%"))
    assert stored.paths == ("/data",)
    await repository.restore_files(saved.id, target)
    assert await desk.look(target) == await desk.look(source)


async def test_a_target_that_holds_something_is_refused(
    desk: Shelf, repository: Repository
) -> None:
    source, target = await desk.volume(SAMPLE), await desk.volume("echo mine > /data/mine")
    saved = await repository.save_files(source, tags=tags())
    with pytest.raises(Refused):
        await repository.restore_files(saved.id, target)
    assert (await desk.within(target, "ls -A /data")).split() == ["mine"]


async def test_only_what_is_included_comes_back(desk: Shelf, repository: Repository) -> None:
    source, target = await desk.volume(SAMPLE), await desk.volume()
    saved = await repository.save_files(source, tags=tags())
    await repository.restore_files(saved.id, target, include=["deep/odd [name]*.txt"])
    assert await desk.within(target, "cd /data; find . -type f; stat -c '%a %u' .") == (
        "./deep/odd [name]*.txt\n750 999\n"
    )


async def test_inner_and_excludes(desk: Shelf, repository: Repository) -> None:
    source, target = await desk.volume(SAMPLE), await desk.volume()
    saved = await repository.save_files(source, tags=tags(), inner="deep", excludes=["*.txt"])
    await repository.restore_files(saved.id, target, path="/data/deep")
    found = await desk.within(target, "cd /data; find . | sort")
    assert found.split() == [".", "./er", "./er/random.bin", "./link"]


@AHEAD
async def test_a_stream_comes_back_and_is_listed(
    desk: Shelf, repository: Repository, ahead: bool
) -> None:
    data = bytes(range(256)) * 20_000
    saved = await repository.save_stream(
        stream(data[:100], data[100:]), filename="dump.sql", tags=tags("set=1"), ahead=ahead
    )
    assert saved.size_bytes == len(data)
    assert await whole(repository.read(saved.id, "/dump.sql")) == data
    [entry] = await repository.entries(saved.id)
    assert (entry.path, entry.type, entry.size_bytes) == ("/dump.sql", "file", len(data))


@AHEAD
async def test_a_stream_that_breaks_leaves_nothing(
    desk: Shelf, repository: Repository, ahead: bool
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise ValueError("the dump failed")

    with pytest.raises(ValueError, match="the dump failed"):
        await repository.save_stream(broken(), filename="dump.sql", tags=tags(), ahead=ahead)
    assert await repository.stored() == []
    saved = await repository.save_stream(stream(b"y"), filename="dump.sql", tags=tags())
    assert [one.id for one in await repository.stored()] == [saved.id]


@AHEAD
async def test_a_stream_of_nothing_is_no_copy(
    desk: Shelf, repository: Repository, ahead: bool
) -> None:
    """restic makes a snapshot of it all the same, without the file."""
    with pytest.raises(TabibError):
        await repository.save_stream(stream(b""), filename="dump.sql", tags=tags(), ahead=ahead)
    assert await repository.stored() == []


async def test_one_that_comes_later_is_waited_for(desk: Shelf, repository: Repository) -> None:
    """Others store meanwhile; whether it comes or not, nothing is left but what is whole."""
    come: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def late() -> AsyncIterator[bytes]:
        yield await asyncio.shield(come)

    def ahead() -> asyncio.Task[Saved]:
        coming = repository.save_stream(late(), filename="a", tags=tags("late"), ahead=True)
        return asyncio.create_task(coming)

    first, second = ahead(), ahead()
    await asyncio.sleep(2)
    beside = await repository.save_stream(stream(b"1"), filename="a", tags=tags())
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    come.set_result(b"2")
    saved = await first
    assert await whole(repository.read(saved.id, "/a")) == b"2"
    assert {one.id for one in await repository.stored()} == {saved.id, beside.id}
    await repository.forget([saved.id, beside.id])
    assert await repository.stored() == [], "nobody is left who has it"


async def test_one_whose_bearer_dies_is_no_snapshot(desk: Shelf, repository: Repository) -> None:
    """As the death of a daemon leaves it: the end of the input comes without the mark."""
    if desk.image == OLDEST_IMAGE:
        pytest.skip("it cannot be begun before its input comes")
    script = ahead_of_it()
    words = "backup --stdin-filename=a --tag=tabib"
    for cut in (b"", b"some of it", WHOLE[:-1]):
        await desk.by_hand(repository, words, cut, script=script)
        assert await repository.stored() == [], cut
    await desk.by_hand(repository, words, b"all of it" + WHOLE, script=script)
    [stored] = await repository.stored()
    assert await whole(repository.read(stored.id, "/a")) == b"all of it"


async def test_what_a_snapshot_does_not_hold_is_not_found(
    desk: Shelf, repository: Repository
) -> None:
    saved = await repository.save_stream(stream(b"x"), filename="dump.sql", tags=tags())
    with pytest.raises(NotFound):
        await whole(repository.read(saved.id, "/other.sql"))


@pytest.mark.parametrize("cut", [b"", b'{"snapshot": {"id": "s1", '])
async def test_a_manifest_that_was_cut_off_is_none(
    desk: Shelf, repository: Repository, cut: bytes
) -> None:
    """As the death of a daemon leaves it: its helper takes that for the end of the input."""
    marks = "--tag=tabib --tag=manifest --tag=project=p"
    words = f"backup --stdin --stdin-filename=manifest.json {marks}"
    await desk.by_hand(repository, words, cut)
    left = await repository.stored(("tabib", "manifest"))
    if cut or desk.image == IMAGE:  # the older one takes nothing for no snapshot
        [stored] = left
        assert await read_manifest(repository, stored.id) is None
    assert await read_manifests(repository) == []


@AHEAD
async def test_a_cancelled_stream_leaves_nothing(
    desk: Shelf, repository: Repository, ahead: bool
) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000
            begun.set()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(
        repository.save_stream(endless(), filename="dump.sql", tags=tags(), ahead=ahead)
    )
    await begun.wait()
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await repository.stored() == []


async def test_a_tar_is_unpacked_with_its_owners(desk: Shelf, repository: Repository) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        root = tarfile.TarInfo("./")
        root.type, root.mode, root.uid, root.gid = tarfile.DIRTYPE, 0o700, 999, 998
        tar.addfile(root)
        one = tarfile.TarInfo("./base/1")
        one.size, one.mode, one.uid, one.gid, one.uname = 3, 0o600, 999, 998, "root"
        tar.addfile(one, io.BytesIO(b"abc"))
    saved = await repository.save_stream(
        stream(buffer.getvalue()), filename="base.tar", tags=tags()
    )
    target = await desk.volume()
    await repository.unpack(saved.id, target, path="/base.tar")
    found = await desk.within(target, "cd /data; stat -c '%a %u %g' . base/1; cat base/1")
    assert found == "700 999 998\n600 999 998\nabc"
    target = await desk.volume()
    await repository.unpack(saved.id, target, path="/base.tar", inner="a/b")
    assert (
        await desk.within(target, "cd /data; stat -c %u:%n a/b; cat a/b/base/1") == "999:a/b\nabc"
    )


async def test_entries_and_folders(desk: Shelf, repository: Repository) -> None:
    source = await desk.volume(SAMPLE)
    saved = await repository.save_files(source, tags=tags())
    found = {one.path: one for one in await repository.entries(saved.id, "/data")}
    assert set(found) == {"/data/hello.txt", "/data/deep", "/data/pipe"}
    hello = found["/data/hello.txt"]
    assert (hello.type, hello.size_bytes, hello.mode, hello.uid, hello.gid) == (
        "file", 6, 0o640, 1234, 2345,
    )  # fmt: skip
    assert hello.modified_at is not None
    assert hello.modified_at.year == 2020
    assert [one.path for one in await repository.entries(saved.id)] == ["/data"]
    with pytest.raises(NotFound):
        await repository.entries(saved.id, "/nothing")
    archive = await whole(repository.read(saved.id, "/data/deep"))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert any(name.endswith("er/random.bin") for name in tar.getnames())


async def test_stored_by_tags_and_forgotten(desk: Shelf, repository: Repository) -> None:
    first = await repository.save_stream(stream(b"1"), filename="a", tags=tags("set=1"))
    second = await repository.save_stream(stream(b"2"), filename="a", tags=tags("set=2"))
    assert [one.id for one in await repository.stored()] == [first.id, second.id]
    assert [one.id for one in await repository.stored(["set=2", "tabib"])] == [second.id]
    await repository.forget([first.id])
    await repository.forget([first.id, "0" * 64])
    assert [one.id for one in await repository.stored()] == [second.id]


async def test_prune_frees_and_check_finds_nothing(desk: Shelf, repository: Repository) -> None:
    source = await desk.volume("head -c 3000000 /dev/urandom > /data/a")
    saved = await repository.save_files(source, tags=tags())
    before = await repository.facts()
    assert before.snapshots == 1
    assert before.size_bytes is not None
    assert before.size_bytes > 3_000_000
    await repository.check(subset="1/1")
    await repository.forget([saved.id])
    assert await repository.prune() > 2_500_000
    after = await repository.facts()
    assert after.size_bytes is not None
    assert after.size_bytes < 100_000
    await repository.check()


async def test_what_is_missing_is_not_saved(desk: Shelf, repository: Repository) -> None:
    source = await desk.volume()
    with pytest.raises(NotFound):
        await repository.save_files(source, tags=tags(), inner="nothing")
    with pytest.raises(NotFound):
        await repository.save_files(Place(type="volume", source=f"{desk.prefix}_none"), tags=tags())
    assert await repository.stored() == []


async def test_it_is_made_once_and_never_anew(desk: Shelf) -> None:
    repositories = desk.repositories()
    with pytest.raises(RepositoryMissing):
        await repositories.get(RepositoryAddress(), create=False)
    first = await (await repositories.get(RepositoryAddress())).open()
    again = await desk.repositories().get(RepositoryAddress())
    assert (await again.open()).id == first.id
    await again.save_stream(stream(b"1"), filename="a", tags=tags())
    (desk.state.path / "backups" / "repository").rename(desk.state.path / "backups" / "gone")
    with pytest.raises(RepositoryMissing) as caught:
        await desk.repositories().get(RepositoryAddress())
    assert caught.value.details["id"] == first.id
    assert not (desk.state.path / "backups" / "repository").exists()


async def test_a_folder_that_is_known_is_not_opened_again(desk: Shelf) -> None:
    address = RepositoryAddress(url=str(desk.state.path / "elsewhere"))
    repositories = desk.repositories()
    await repositories.get(address)
    # No helper can open it any more, and none has to.
    repositories._helpers.image = "tabib-test/there-is-no-such:1"
    await repositories.get(address)
    # Another configuration is another repository.
    config = desk.state.path / "elsewhere" / "config"
    config.chmod(0o600)
    config.write_bytes(config.read_bytes() + b"x")
    with pytest.raises(ImageUnavailable):
        await repositories.get(address)
