"""The vault: what it gives back, what its files show, and what becomes of it without its key."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from pathlib import Path

import apsw
import pytest

from tabib.model.errors import StateUnusable
from tabib.stores.keyfile import create_key, read_key
from tabib.stores.vault import SqliteVault, open_vault

CANARY = "canary-7f3a9-sings"


async def test_same_value_same_reference(vault: SqliteVault) -> None:
    values = ["one", "two", "one", "", "zwei\n– \x00 \ud800", "x" * 200_000]
    references = await vault.seal(values)
    assert references[0] == references[2]
    assert len(set(references)) == 5
    assert all(one.startswith("vault:") and len(one) == 70 for one in references)
    assert await vault.open(references) == values
    assert await vault.seal(["two"]) == references[1:2]
    assert await vault.seal([]) == []
    assert await vault.open([]) == []


async def test_values_survive_a_restart(tmp_path: Path) -> None:
    first = await open_vault(tmp_path)
    values = [f"value {number}" for number in range(1200)]
    references = await first.seal(values)
    await first.close()
    second = await open_vault(tmp_path)
    assert await second.open(references) == values
    assert await second.seal(values) == references
    await second.close()


async def test_two_vaults_share_no_reference(tmp_path: Path) -> None:
    references = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        opened = await open_vault(tmp_path / name)
        references += await opened.seal(["the same"])
        await opened.close()
    assert references[0] != references[1]


async def test_values_are_on_no_disk_and_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vault = await open_vault(tmp_path)
    await vault.seal([CANARY])
    seen = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert len(seen) > 1000
    assert CANARY.encode() not in seen
    assert CANARY not in caplog.text
    assert CANARY not in repr(vars(vault))
    await vault.close()
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


async def test_files_are_private(vault: SqliteVault, tmp_path: Path) -> None:
    await vault.seal(["x"])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "vault.key" in modes


async def _sealed(folder: Path) -> str:
    vault = await open_vault(folder)
    (reference,) = await vault.seal([CANARY])
    await vault.close()
    return reference


async def _refused(folder: Path) -> StateUnusable:
    with pytest.raises(StateUnusable) as caught:
        await open_vault(folder)
    return caught.value


async def test_a_missing_key_is_never_made_anew(tmp_path: Path) -> None:
    await _sealed(tmp_path)
    key = tmp_path / "vault.key"
    content = key.read_bytes()
    key.unlink()
    error = await _refused(tmp_path)
    assert error.details["code"] == "key"
    assert "copy of the state folder" in error.advice
    assert not key.exists()
    key.write_bytes(content)
    vault = await open_vault(tmp_path)
    assert await vault.open([(await vault.seal([CANARY]))[0]]) == [CANARY]
    await vault.close()


async def test_another_key_is_refused(tmp_path: Path) -> None:
    await _sealed(tmp_path)
    (tmp_path / "vault.key").unlink()
    create_key(tmp_path / "vault.key")
    error = await _refused(tmp_path)
    assert error.details["code"] == "key"
    assert "another key" in str(error)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"tabib-vault-key-1:c2hvcnQ=\n", b"x" * 80])
async def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vault.key").write_bytes(content)
    error = await _refused(tmp_path)
    assert error.details["code"] == "key"
    assert (tmp_path / "vault.key").read_bytes() == content


async def test_an_unknown_reference(vault: SqliteVault) -> None:
    (known,) = await vault.seal(["x"])
    with pytest.raises(StateUnusable) as caught:
        await vault.open([known, "vault:" + "0" * 64])
    assert caught.value.details["code"] == "key"
    assert "tabib up" in caught.value.advice


async def test_a_blob_under_another_reference_does_not_open(tmp_path: Path) -> None:
    vault = await open_vault(tmp_path)
    one, two = await vault.seal(["one", "two"])
    await vault.close()
    base = apsw.Connection(str(tmp_path / "vault.sqlite3"))
    base.execute(
        "UPDATE sealed SET blob = (SELECT blob FROM sealed WHERE reference = ?) "
        "WHERE reference = ?",
        (one, two),
    )
    base.close()
    vault = await open_vault(tmp_path)
    with pytest.raises(StateUnusable) as caught:
        await vault.open([two])
    assert caught.value.details["code"] == "damaged"
    await vault.close()


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    create_key(path)
    first = read_key(path)
    create_key(path)
    assert read_key(path) == first
    assert len(first) == 32
    assert os.listdir(tmp_path) == ["vault.key"]


def test_wide_rights_of_a_key_are_tightened(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    create_key(path)
    path.chmod(0o644)
    read_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_concurrent_sealing(vault: SqliteVault) -> None:
    rounds = await asyncio.gather(*(vault.seal([f"v{i}", "shared"]) for i in range(60)))
    assert len({references[1] for references in rounds}) == 1
    assert await vault.open([references[0] for references in rounds]) == [
        f"v{i}" for i in range(60)
    ]
