"""What the machine shows of a container: its user, its log, its files."""

from __future__ import annotations

import os
from pathlib import Path

from tabib.host.container_look import log_bytes, names_in, uid_of


def test_the_user_of_a_process(tmp_path: Path) -> None:
    assert uid_of(os.getpid()) == os.geteuid()
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tpostgres\nUid:\t0\t999\t0\t0\nGid:\t0\n")
    assert uid_of(7, tmp_path) == 999
    (tmp_path / "7" / "status").write_text("Name:\tx\n")
    assert uid_of(7, tmp_path) is None
    assert uid_of(8, tmp_path) is None


def test_a_log_with_its_rotated_parts(tmp_path: Path) -> None:
    log = tmp_path / "c-json.log"
    assert log_bytes(str(log)) is None
    log.write_bytes(bytes(100))
    (tmp_path / "c-json.log.1").write_bytes(bytes(30))
    (tmp_path / "other.log").write_bytes(bytes(7))
    assert log_bytes(str(log)) == 130


def test_names_of_files_two_folders_deep(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "pgdata" / "base").mkdir(parents=True)
    (data / "pgdata" / "PG_VERSION").touch()
    (data / "pgdata" / "base" / "deep").touch()
    (data / "loop").symlink_to(data)
    empty = tmp_path / "empty"
    empty.mkdir()
    found = names_in([str(data), str(empty), str(tmp_path / "none")])
    assert found == {str(data): tuple(found[str(data)])}
    assert {"pgdata", "PG_VERSION", "base", "loop"} == set(found[str(data)])
    for number in range(500):
        (data / f"f{number}").touch()
    assert len(names_in([str(data)])[str(data)]) == 200
