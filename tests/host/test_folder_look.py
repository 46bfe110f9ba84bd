"""Bounded looks at folders of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tabib.decide.backups.look import MARKS
from tabib.host import folder_look
from tabib.host.folder_look import look_at

HEAD = b"SQLite format 3\x00"


def sqlite(path: Path, size: int = 4096) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(HEAD.ljust(size, b"\x00"))


def test_marks_by_their_folders(tmp_path: Path) -> None:
    for path in ("18/docker/PG_VERSION", "18/docker/base/1/PG_VERSION", "notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("18\n")
    found = look_at(str(tmp_path), MARKS)
    assert found is not None
    assert found.marks == {"18/docker": ("PG_VERSION",)}
    assert (set(found.roots), found.whole) == ({"18", "notes.txt"}, True)
    assert found.newest == pytest.approx((tmp_path / "notes.txt").stat().st_mtime, abs=5)


def test_sqlite_is_known_by_its_first_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    sqlite(tmp_path / "deep" / "er" / "state")
    sqlite(tmp_path / "short.db", 100)
    (tmp_path / "other.db").write_bytes(b"x" * 4096)
    (tmp_path / "link.db").symlink_to(tmp_path / "deep" / "er" / "state")
    found = look_at(str(tmp_path), MARKS)
    assert found is not None
    assert found.sqlite == ["deep/er/state"]


def test_what_is_no_folder_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    assert look_at(str(tmp_path / "none"), MARKS) is None
    for name in ("file", "pipe"):
        found = look_at(str(tmp_path / name), MARKS)
        assert found is not None
        assert found.file


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "PG_VERSION").write_text("16")
    for number in range(30):
        (tmp_path / f"z{number}").mkdir()
        (tmp_path / f"z{number}" / "file").write_text("x")
    monkeypatch.setattr(folder_look, "ENTRIES", 40)
    found = look_at(str(tmp_path), MARKS)
    assert found is not None
    assert not found.whole
    assert found.marks == {"": ("PG_VERSION",)}
    assert found.entries <= 41


def test_links_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "etc").symlink_to("/etc")
    found = look_at(str(tmp_path), MARKS)
    assert found is not None
    assert (found.entries, found.whole) == (3, True)
