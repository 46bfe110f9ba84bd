"""The port Repository on every kind of server, each of them real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from stores import repository_servers as servers
from stores.repository_support import SAMPLE, Shelf, shelf, stream, tags, whole
from tabib.model.backup import RepositoryAddress
from tabib.model.errors import (
    Refused,
    RepositoryKeyWrong,
    RepositoryMissing,
    RepositoryUnreachable,
)
from tabib.stores.repository import Rclone

pytestmark = pytest.mark.engine
Server = Callable[[Path], AbstractContextManager[RepositoryAddress]]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(tmp_path) as opened:
        opened.rclone = Rclone(program=str(servers.RCLONE.resolve()))
        yield opened


@pytest.fixture(
    params=[servers.s3, servers.rest, servers.rclone, servers.sftp], ids=lambda one: one.__name__
)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RepositoryAddress]:
    with request.param(tmp_path) as given:
        yield given


async def test_copies_on_a_server(desk: Shelf, address: RepositoryAddress) -> None:
    sealed = await desk.vault.seal(list(address.environment.values()))
    address = replace(address, environment=dict(zip(address.environment, sealed, strict=True)))
    repositories = desk.repositories()
    with pytest.raises(RepositoryMissing):
        await repositories.get(address, create=False)
    repository = await repositories.get(address)
    assert "s3cret" not in repository.name
    source, target = await desk.volume(SAMPLE), await desk.volume()
    first = await repository.save_files(source, tags=tags("set=1"))
    second = await repository.save_stream(stream(b"select 1"), filename="a", tags=tags("set=2"))
    again = await desk.repositories().get(address)
    assert [one.id for one in await again.stored()] == [first.id, second.id]
    await again.restore_files(first.id, target)
    assert await desk.look(target) == await desk.look(source)
    assert await whole(again.read(second.id, "/a")) == b"select 1"
    await again.forget([first.id])
    await again.prune()
    await again.check(subset="1/1")
    assert [one.id for one in await again.stored()] == [second.id]
    with pytest.raises(RepositoryKeyWrong):
        await repositories.with_key(address, "x" * 43)


async def test_an_append_only_server_takes_copies_and_lets_none_go(
    desk: Shelf, tmp_path: Path
) -> None:
    with servers.rest(tmp_path, "--append-only") as address:
        repository = await desk.repositories().get(address)
        saved = await repository.save_stream(stream(b"1"), filename="a", tags=tags())
        with pytest.raises(Refused, match="403"):
            await repository.forget([saved.id])
        assert [one.id for one in await repository.stored()] == [saved.id]
        told = await desk.repositories().get(replace(address, append_only=True))
        with pytest.raises(Refused, match="append-only"):
            await told.forget([saved.id])
        with pytest.raises(Refused, match="append-only"):
            await told.prune()


async def test_wrong_credentials_are_no_missing_repository(desk: Shelf, tmp_path: Path) -> None:
    with servers.s3(tmp_path) as address:
        wrong = {**address.environment, "AWS_SECRET_ACCESS_KEY": "not the secret"}
        with pytest.raises(RepositoryUnreachable, match="signature"):
            await desk.repositories().get(replace(address, environment=wrong))
        assert not list((tmp_path / "s3" / "bucket").iterdir())


async def test_another_host_key_is_not_trusted(desk: Shelf, tmp_path: Path) -> None:
    with servers.sftp(tmp_path) as address:
        known = address.environment["TABIB_SSH_KNOWN_HOSTS"].rpartition(" ")[0]
        other = (tmp_path / "sshd" / "other.pub").read_text().split()[1]
        wrong = {**address.environment, "TABIB_SSH_KNOWN_HOSTS": f"{known} {other}"}
        with pytest.raises(RepositoryUnreachable, match=r"(?i)host key|sftp session"):
            await desk.repositories().get(replace(address, environment=wrong))


@pytest.mark.parametrize("kind", ["rest", "s3", "sftp"])
async def test_a_server_that_is_down_is_unreachable(desk: Shelf, kind: str) -> None:
    port = servers.free_port()
    url = {
        "rest": f"rest:http://127.0.0.1:{port}/x",
        "s3": f"s3:http://127.0.0.1:{port}/b/x",
        "sftp": f"sftp://root@127.0.0.1:{port}/x",
    }[kind]
    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"} if kind == "s3" else {}
    address = RepositoryAddress(url=url, environment=environment)
    begun = asyncio.get_running_loop().time()
    with pytest.raises(RepositoryUnreachable):
        await desk.repositories().get(address)
    assert asyncio.get_running_loop().time() - begun < 60


async def test_without_rclone_it_says_so(desk: Shelf) -> None:
    desk.rclone = None
    with pytest.raises(RepositoryUnreachable, match="no rclone"):
        await desk.repositories().get(RepositoryAddress(url="rclone:shelf:x"))
