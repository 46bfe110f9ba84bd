"""The quick way to a project's name agrees with the loader, or gives up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tabib.cli.loading import load_project
from tabib.cli.quick_name import quick_name
from tabib.cli.settings import Settings

SERVICES = "services: {web: {image: nginx}}\n"


@pytest.mark.parametrize(
    ("files", "quick"),
    [
        ({"compose.yaml": f"name: shop\n{SERVICES}"}, "shop"),
        ({"docker-compose.yml": f"{SERVICES}name: 'shop-2'  # ours\n"}, "shop-2"),
        ({"compose.yaml": f"name: shop\n{SERVICES}", ".env": "TAG=1\n"}, "shop"),
        ({"compose.yaml": SERVICES}, ""),
        ({"compose.yaml": f"name: ${{NAME:-shop}}\n{SERVICES}"}, ""),
        ({"compose.yaml": f"name: shop\n{SERVICES}", ".env": "COMPOSE_PROJECT_NAME=x\n"}, ""),
        ({"compose.yaml": f"name: shop\n{SERVICES}", "compose.override.yml": "name: over\n"}, ""),
        ({"compose.yaml": f"x-a:\n  name: not-this\n{SERVICES}"}, ""),
        ({"compose.yaml": f"name: first\n{SERVICES}---\nname: second\n{SERVICES}"}, ""),
        ({"compose.yaml": "{name: shop, services: {web: {image: nginx}}}\n"}, ""),
        ({"compose.yaml": f'"name": shop\n{SERVICES}'}, ""),
    ],
)
def test_it_agrees_with_the_loader(
    files: dict[str, str], quick: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    for name in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME"):
        monkeypatch.delenv(name, raising=False)
    found = quick_name(Settings(), os.environ, str(folder))
    assert found == quick
    if found:
        assert load_project(Settings(), warn=False).name == found


@pytest.mark.parametrize(
    "settings",
    [Settings(files=("x",)), Settings(env_files=("x",)), Settings(project_directory="x")],
)
def test_options_leave_it_to_the_loader(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(f"name: shop\n{SERVICES}")
    assert quick_name(Settings(), {}, str(tmp_path)) == "shop"
    assert quick_name(settings, {}, str(tmp_path)) == ""
    assert quick_name(Settings(), {"COMPOSE_FILE": "a"}, str(tmp_path)) == ""


def test_it_looks_in_the_folders_above(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(f"name: shop\n{SERVICES}")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert quick_name(Settings(), {}, str(below)) == "shop"
