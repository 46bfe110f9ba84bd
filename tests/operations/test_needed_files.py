"""The small files of the host that go along with a snapshot."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tabib.model.backup import Dataset, Place
from tabib.model.project import FileObject, Project, Service
from tabib.operations.backups import needed_files

HERE: Any = SimpleNamespace(info=SimpleNamespace(local=True))
AWAY: Any = SimpleNamespace(info=SimpleNamespace(local=False))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "token").write_text("a secret")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.conf").write_text("a")
    (tmp_path / "big").write_bytes(bytes(needed_files.FILE_BYTES + 1))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows").write_text("many")
    mounts = [
        {"type": "bind", "source": str(tmp_path / one), "target": f"/{one}"}
        for one in ("conf.d", "big", "data", "gone")
    ]
    mounts.append({"type": "bind", "source": "/proc", "target": "/host"})
    service = Service(name="web", spec={"volumes": mounts}, config_hash="")
    token = FileObject(key="token", name="token", file=str(tmp_path / "token"))
    return Project(
        name="shop",
        working_dir=str(tmp_path),
        files=(str(tmp_path / "compose.yaml"),),
        services={"web": service},
        secrets={"token": token},
    )


def data(tmp_path: Path) -> Dataset:
    place = Place(type="bind", source=str(tmp_path / "data"))
    return Dataset(name="data", place=place, kind="files", service="web")


def test_files_are_kept_and_what_is_not_is_named(project: Project, tmp_path: Path) -> None:
    kept, unkept = needed_files.keep(HERE, project, [data(tmp_path)])
    names = {Path(one.path).name: one for one in kept}
    assert set(names) == {"compose.yaml", "token", "a.conf"}
    assert (names["token"].content, names["token"].mode) == (b"a secret", 0o600)
    assert set(unkept) == {str(tmp_path / "big"), str(tmp_path / "gone")}
    assert "too large" in unkept[str(tmp_path / "big")]


def test_of_another_machine_all_is_named(project: Project, tmp_path: Path) -> None:
    kept, unkept = needed_files.keep(AWAY, project, [data(tmp_path)])
    assert kept == ()
    assert len(unkept) == 5


def test_all_together_have_a_bound(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needed_files, "ALL_BYTES", 18)
    kept, unkept = needed_files.keep(HERE, project, [data(tmp_path)])
    assert sum(len(one.content) for one in kept) <= 18
    assert len(kept) + len(unkept) == 5


def test_they_are_put_back_and_nothing_that_is_there_is_changed(
    project: Project, tmp_path: Path
) -> None:
    kept, _ = needed_files.keep(HERE, project, [data(tmp_path)])
    (tmp_path / "token").unlink()
    (tmp_path / "compose.yaml").write_text("another")
    (tmp_path / "conf.d" / "a.conf").unlink()
    (tmp_path / "conf.d").rmdir()
    written, differing = needed_files.put_back(kept)
    assert {Path(one).name for one in written} == {"token", "a.conf"}
    assert [Path(one).name for one in differing] == ["compose.yaml"]
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "compose.yaml").read_text() == "another"
    assert needed_files.put_back(kept)[0] == []
