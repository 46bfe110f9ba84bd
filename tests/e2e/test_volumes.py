"""Data outlives what people do to volumes; `tabib down -v` alone lets go, and keeps a way back."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from setup import engine_api

from e2e.conftest import field, run_compose
from support.installation import Installation, until

# Data in generations is for a daemon of root's.
pytestmark = pytest.mark.root
KEEPER = """
services:
  main:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    volumes: ["data:/data"]
volumes:
  data: {}
"""
POSTGRES = """
services:
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: not a secret}
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -U postgres"]
      interval: 0.5s
      start_period: 60s
volumes:
  data: {}
"""
RECORDED_S = 3.0


WITH_SCRATCH = KEEPER.replace('"data:/data"', '"data:/data", "/scratch"')


class Keeper:
    """A project with one named volume, and the words in it."""

    def __init__(self, tabib: Installation, folder: Path, text: str = KEEPER) -> None:
        self.tabib = tabib
        self.folder = tabib.project(folder, text)
        self.main = f"{tabib.prefix}-main-1"
        self.volume = f"{tabib.prefix}_data"

    def up(self) -> None:
        self.tabib("up", cwd=self.folder).well()

    def write(self, words: str) -> None:
        self.sh(f"echo '{words}' > /data/words")

    def read(self) -> str:
        return self.sh("cat /data/words 2>/dev/null || echo nothing").strip()

    def sh(self, script: str) -> str:
        return self.tabib("exec", "-T", "main", "sh", "-c", script, cwd=self.folder).well().out

    def engine_has_it(self) -> bool:
        volumes = self.tabib.engine.call("GET", "/volumes").get("Volumes") or []
        return any(one["Name"] == self.volume for one in volumes)


@pytest.fixture
def keeper(tabib: Installation, tmp_path: Path) -> Keeper:
    found = Keeper(tabib, tmp_path / "p")
    found.up()
    found.write("of value")
    return found


def test_a_volume_removed_by_hand_comes_back_with_its_data(keeper: Keeper) -> None:
    keeper.tabib("down", cwd=keeper.folder).well()
    assert keeper.engine_has_it(), "down without -v leaves volumes alone"
    keeper.tabib.engine.call("DELETE", f"/volumes/{keeper.volume}")
    assert not keeper.engine_has_it()
    keeper.up()
    assert keeper.read() == "of value"


def test_a_strangers_down_v_destroys_nothing(keeper: Keeper, engine: engine_api.Engine) -> None:
    run_compose(engine, "down", "-v", "-t", "0", cwd=keeper.folder)
    assert not keeper.engine_has_it()
    keeper.up()
    assert keeper.read() == "of value"


def test_pruning_volumes_harms_neither_data_nor_ownership(
    keeper: Keeper, engine: engine_api.Engine
) -> None:
    keeper.tabib("stop", cwd=keeper.folder).well()
    keeper.tabib("rm", "-f", cwd=keeper.folder).well()
    # What `docker volume prune -a` does; only ours, for the engine may be somebody's.
    for name in (keeper.volume, "tabib_owner"):
        engine.call("DELETE", f"/volumes/{name}")
    until(
        lambda: any(
            one["Name"] == "tabib_owner" for one in engine.call("GET", "/volumes")["Volumes"] or []
        ),
        10,
        "the claim made again",
    )
    keeper.up()
    assert keeper.read() == "of value"


def test_tabibs_own_down_v_begins_anew_and_says_where_the_data_is(keeper: Keeper) -> None:
    plan = keeper.tabib("down", "-v", "--dry-run", cwd=keeper.folder).well()
    assert keeper.volume in plan.out
    said = keeper.tabib("down", "-v", "--yes", cwd=keeper.folder).well()
    assert not keeper.engine_has_it()
    kept = re.search(rf"({re.escape(str(keeper.tabib.state))}/volumes/\S+)", said.out + said.err)
    assert kept, str(said)
    assert (Path(kept[1]) / "words").read_text() == "of value\n"
    keeper.up()
    assert keeper.read() == "nothing"
    assert (Path(kept[1]) / "words").read_text() == "of value\n", "the old data is left alone"


def test_a_recreated_container_keeps_named_and_anonymous_volumes(
    tabib: Installation, tmp_path: Path
) -> None:
    keeper = Keeper(tabib, tmp_path / "p", WITH_SCRATCH)
    keeper.up()
    keeper.write("of value")
    keeper.sh("echo mine > /scratch/mine")
    # A container that lived for a moment only is in no record yet, so neither is its volume.
    time.sleep(RECORDED_S)
    before = keeper.tabib.inspect(keeper.main)
    keeper.tabib("up", "--force-recreate", cwd=keeper.folder).well()
    after = keeper.tabib.inspect(keeper.main)
    assert field(before, "Id") != field(after, "Id")
    assert keeper.read() == "of value"
    assert keeper.sh("cat /scratch/mine") == "mine\n"
    keeper.tabib.engine.call("DELETE", f"/containers/{keeper.main}", query=[("force", "1")])
    until(lambda: keeper.tabib.running(keeper.main), 30, "main anew")
    assert keeper.sh("cat /scratch/mine") == "mine\n", "healing reattaches it too"
    assert keeper.read() == "of value"


def test_a_volume_that_is_not_tabibs_is_deleted_only_with_a_yes(
    tabib: Installation, engine: engine_api.Engine, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", KEEPER)
    run_compose(engine, "up", "-d", cwd=folder)
    tabib("up", cwd=folder).well()
    tabib("exec", "-T", "main", "sh", "-c", "echo old > /data/words", cwd=folder).well()
    volume = f"{tabib.prefix}_data"
    tabib("down", "-v", cwd=folder).ended(3, volume, "--yes", "→")
    assert tabib.running(f"{tabib.prefix}-main-1"), "nothing is half-done"
    tabib("down", "-v", "--yes", cwd=folder).well()
    names = [one["Name"] for one in engine.call("GET", "/volumes").get("Volumes") or []]
    assert volume not in names


def test_a_databases_files_belong_to_the_database(
    tabib: Installation, shop_images: None, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", POSTGRES)
    tabib("up", cwd=folder, timeout_s=120).well()
    mount = (tabib.inspect(f"{tabib.prefix}-db-1") or {})["Mounts"][0]
    assert mount["Name"] == f"{tabib.prefix}_data"
    inside = tabib("exec", "-T", "db", "id", "-u", "postgres", cwd=folder).well().out.strip()
    options = tabib.engine.call("GET", f"/volumes/{mount['Name']}")["Options"]
    place = Path(options["device"])
    assert place.is_relative_to(tabib.state / "volumes")
    assert str(place.stat().st_uid) == inside
    assert oct(place.stat().st_mode & 0o777) in ("0o700", "0o750"), "as PostgreSQL demands"
    assert (place / "PG_VERSION").read_text().strip() == "15"
    assert os.stat(place.parent).st_mode & 0o077 == 0, "nobody else looks in"
    _sql(tabib, folder, "create table kept (word text); insert into kept values ('here')")
    tabib("down", "-t", "5", cwd=folder).well()
    tabib.engine.call("DELETE", f"/volumes/{mount['Name']}")
    tabib("up", cwd=folder, timeout_s=120).well()
    assert _sql(tabib, folder, "select word from kept").strip() == "here"


def _sql(tabib: Installation, folder: Path, text: str) -> str:
    words = ("exec", "-T", "-u", "postgres", "db", "psql", "-tAqc", text)
    return tabib(*words, cwd=folder).well().out
