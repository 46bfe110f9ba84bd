"""What a look at a data set's folder tells, and what must not be taken for more than it is."""

from __future__ import annotations

import shutil
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tabib.host.birth import birth_ns
from tabib.host.data_root import look, marks_of, measuring

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BORN = 1_700_000_000
UUID = "6ccd780c-baba-1026-9564-5b8c656024db"


def control(folder: Path, head: bytes) -> None:
    (folder / "global").mkdir(parents=True, exist_ok=True)
    (folder / "global" / "pg_control").write_bytes(head + bytes(300))


def test_a_postgresql_is_known_by_its_system_identifier(tmp_path: Path) -> None:
    control(tmp_path, struct.pack("=QI", (BORN << 32) | 7, 1300))
    found = look(str(tmp_path), "postgres", marks=marks_of("postgres"), now=NOW)
    assert found.database == str((BORN << 32) | 7)
    assert found.since == datetime.fromtimestamp(BORN, UTC)
    assert found.marks == ("global/pg_control",)
    below = look(str(tmp_path.parent), "postgres", inner=tmp_path.name, now=NOW)
    assert below.database == found.database


@pytest.mark.parametrize(
    "head",
    [
        bytes(12),
        struct.pack("=QI", (BORN << 32) | 7, 77),
        struct.pack("=QI", 2**63, 1300),
        struct.pack("=QI", (4_000_000_000 << 32) | 7, 1300),
        b"short",
    ],
    ids=["zeroed", "no such format", "long ago or far ahead", "in the future", "cut off"],
)
def test_a_damaged_control_file_is_no_other_database(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "global").mkdir()
    (tmp_path / "global" / "pg_control").write_bytes(head)
    assert look(str(tmp_path), "postgres", now=NOW).database == ""


def test_mysql_and_mariadb(tmp_path: Path) -> None:
    (tmp_path / "ibdata1").write_bytes(b"pages")
    mariadb = look(str(tmp_path), "mysql", now=NOW)
    assert mariadb.since is not None
    (tmp_path / "auto.cnf").write_text(f"[auto]\nserver-uuid={UUID}\n")
    assert look(str(tmp_path), "mysql", now=NOW).database == UUID
    (tmp_path / "auto.cnf").unlink()
    shutil.copy(tmp_path / "ibdata1", tmp_path / "other")
    (tmp_path / "other").rename(tmp_path / "ibdata1")
    assert look(str(tmp_path), "mysql", now=NOW).database != mariadb.database


def test_a_folder_made_anew_is_another_though_it_has_the_same_number(tmp_path: Path) -> None:
    if birth_ns(str(tmp_path)) is None:
        pytest.skip("this file system does not tell when files were made")
    folder = tmp_path / "data"
    seen = set()
    for _ in range(5):
        folder.mkdir()
        seen.add(look(str(folder), "files", now=NOW).root)
        folder.rmdir()
    assert len(seen) == 5
    assert birth_ns(str(folder)) is None


def test_gone_empty_and_not_to_be_looked_at(tmp_path: Path) -> None:
    assert not look(str(tmp_path / "none"), "files", now=NOW).there
    (tmp_path / "file").write_text("")
    assert not look(str(tmp_path / "file"), "files", now=NOW).there
    assert not look(str(tmp_path), "files", now=NOW).empty
    (tmp_path / "file").unlink()
    (tmp_path / "lost+found").mkdir()
    assert look(str(tmp_path), "files", now=NOW).empty
    with pytest.raises(OSError, match="too long"):
        look("/" + "x" * 300, "files", now=NOW)


def measured(path: Path, at_most: int = 100) -> tuple[int, int] | None:
    return next((one for one in measuring(str(path), within_s=5, at_most=at_most) if one), None)


def test_what_is_measured_and_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(bytes(1000))
    for name in ("pg_wal", "#innodb_redo", "deep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log").write_bytes(bytes(500))
    (tmp_path / "ib_logfile0").write_bytes(bytes(500))
    (tmp_path / "binlog.000001").write_bytes(bytes(500))
    (tmp_path / "link").symlink_to("/")
    size, files = measured(tmp_path) or (0, 0)
    assert files == 3
    assert 1500 <= size < 1600
    assert measured(tmp_path, at_most=2) is None
