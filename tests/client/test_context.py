"""A build's context as it is sent: what is in it, how, and what it costs."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from tabib.client.context import Changed, Context
from tabib.decide.dockerignore import read


def sent(context: Context) -> dict[str, tarfile.TarInfo]:
    data = b"".join(context.chunks())
    assert len(data) % tarfile.BLOCKSIZE == 0
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {info.name: info for info in archive}


def content(context: Context, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(b"".join(context.chunks()))) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


def test_modes_and_links_are_kept_and_owners_are_root(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    (tmp_path / "run").chmod(0o751)
    (tmp_path / "folder").mkdir(0o700)
    (tmp_path / "folder" / "file").write_bytes(b"a" * 1000)
    (tmp_path / "link").symlink_to("folder/file")
    (tmp_path / "out").symlink_to("/etc")
    found = sent(Context(str(tmp_path)))
    assert list(found) == ["folder", "folder/file", "link", "out", "run"]
    assert (found["run"].mode, found["folder"].mode) == (0o751, 0o700)
    assert {(one.uid, one.gid) for one in found.values()} == {(0, 0)}
    assert (found["link"].linkname, found["out"].linkname) == ("folder/file", "/etc")
    assert found["run"].mtime == int((tmp_path / "run").stat().st_mtime)
    assert content(Context(str(tmp_path)), "folder/file") == b"a" * 1000


def test_nothing_from_outside_comes_along(tmp_path: Path) -> None:
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "key").write_text("hunter2")
    inside = tmp_path / "context"
    inside.mkdir()
    (inside / "folder").symlink_to(secret)
    (inside / "file").symlink_to(secret / "key")
    data = b"".join(Context(str(inside)).chunks())
    assert b"hunter2" not in data
    assert set(sent(Context(str(inside)))) == {"folder", "file"}


def test_names_of_any_kind(tmp_path: Path) -> None:
    names = ["ä ö", "x" * 200, os.fsdecode(b"\xff\xfe")]
    for name in names:
        (tmp_path / name).write_text("x")
    (tmp_path / ("d" * 120)).mkdir()
    (tmp_path / ("d" * 120) / ("f" * 120)).write_text("x")
    assert set(names) <= set(sent(Context(str(tmp_path))))
    assert f"{'d' * 120}/{'f' * 120}" in sent(Context(str(tmp_path)))


def test_sockets_are_left_out_and_pipes_not_read(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        os.mkfifo(tmp_path / "p")
        found = sent(Context(str(tmp_path)))
    assert set(found) == {"p"}
    assert found["p"].isfifo()


def test_excluded_folders_come_only_with_what_is_not_excluded(tmp_path: Path) -> None:
    for name in ("a/x", "a/y", "b/x", "c/d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = sent(Context(str(tmp_path), read("a\n!a/y\nb\nc\n!**/e")))
    assert list(found) == ["a", "a/y", "c", "c/d", "c/d/e"]
    kept = Context(str(tmp_path), read("*"), kept=frozenset({"c/d/e"}), extra={"n": b"new"})
    assert list(sent(kept)) == ["c", "c/d", "c/d/e", "n"]
    assert content(kept, "n") == b"new"


def test_what_is_added_stands_for_a_file_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("old")
    context = Context(str(tmp_path), extra={"n": b"new"})
    assert content(context, "n") == b"new"
    assert b"old" not in b"".join(context.chunks())


def test_the_context_is_never_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    total = sum(len(chunk) for chunk in Context(str(tmp_path)).chunks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 200_000_000
    assert peak < 2_000_000


def test_a_file_that_changes_while_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 600_000)
    chunks = Context(str(tmp_path)).chunks()
    next(chunks)
    with path.open("ab") as file:
        file.write(b"more")
    assert len(b"".join(chunks)) == 600_064 + 1024, "what it has become larger by is left out"
    chunks = Context(str(tmp_path)).chunks()
    next(chunks)
    os.truncate(path, 10)
    with pytest.raises(Changed, match="shorter"):
        list(chunks)


def test_a_link_that_takes_a_files_place_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("hunter2")
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "f").write_text("1234567")
    chunks = Context(str(folder)).chunks()
    next(chunks)
    (folder / "f").unlink()
    (folder / "f").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic"):
        list(chunks)
