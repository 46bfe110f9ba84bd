"""Data comes back: of databases and files, in generations, in an engine's own volumes and in
folders; beside, from a copy that is named, from an older one; and whenever the daemon is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from setup import engine_api

from e2e.conftest import run_compose
from support.installation import Done, Installation, until
from support.real_engine import ensure_images

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(600)]
SHOP = """
x-tabib:
  backup: {schedule: never, drill: never}
services:
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: restored}
    volumes: ["rows:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -U postgres"]
      interval: 0.5s
      start_period: 60s
  cache:
    image: redis:7
    command: [redis-server, --appendonly, "yes"]
    volumes: ["cache:/data"]
  keeper:
    image: busybox:1.36
    command: [sleep, "100000"]
    init: true
    volumes: ["./files:/srv", "more:/more"]
volumes: {rows: {}, cache: {}, more: {}}
"""
FILES = """
x-tabib:
  backup: {schedule: never, drill: never}
services:
  keeper:
    image: busybox:1.36
    command: [sleep, "100000"]
    init: true
    volumes: ["one:/one", "two:/two"]
volumes: {one: {}, two: {}}
"""
MIXED = FILES.replace("two:/two", "./two:/two")
"""A folder and a volume: what is kept of them lies in different places."""
DEATHS = int(os.environ.get("TABIB_DEATHS", "15"))
SPAN_S = 6.0
"""Within which of its first seconds a restore is killed: about as long as it takes."""
SAMPLE = random.Random(20_26)


@pytest.fixture(autouse=True)
def _images() -> None:
    ensure_images("restic/restic:0.18.1", "postgres:15", "redis:7", "busybox:1.36")


class Shop:
    """A project with data of each kind."""

    def __init__(self, tabib: Installation, folder: Path, text: str = SHOP) -> None:
        self.tabib = tabib
        self.folder = tabib.project(folder, text)
        self.name = tabib.prefix

    def __call__(self, *words: str, timeout_s: float = 240.0) -> Done:
        return self.tabib(*words, cwd=self.folder, timeout_s=timeout_s)

    def sh(self, service: str, script: str) -> str:
        return self("exec", "-T", service, "sh", "-c", script).well().out.strip()

    def sql(self, text: str) -> str:
        words = ("exec", "-T", "-u", "postgres", "db", "psql", "-tAqc", text)
        return self(*words).well().out.strip()

    def write(self, word: str) -> None:
        self.sql("create table if not exists kept (word text)")
        self.sql(f"truncate kept; insert into kept values ('{word}')")
        self.sh("cache", f"redis-cli set word {word}")
        self.sh("keeper", f"for at in /srv /more; do echo {word} > $at/word; done")

    def read(self) -> set[str]:
        return {
            self.sql("select word from kept"),
            self.sh("cache", "redis-cli get word"),
            *self.sh("keeper", "cat /srv/word /more/word").split(),
        }

    def backup(self) -> str:
        found: list[dict[str, Any]] = self("backup", "--json").json
        return str(found[0]["id"])

    def volumes(self) -> dict[str, dict[str, Any]]:
        found = self.tabib.engine.call("GET", "/volumes").get("Volumes") or []
        return {one["Name"]: one for one in found if self.name in one["Name"]}

    def helpers(self) -> list[str]:
        return self.tabib.helpers()

    def generations(self) -> set[str]:
        return {str(one) for one in (self.tabib.state / "volumes").glob("*/g*")}

    def device(self, key: str) -> Path:
        return Path(self.volumes()[f"{self.name}_{key}"]["Options"]["device"])

    def forget(self) -> None:
        """Volumes that are kept, which belong to no project."""
        for name in self.volumes():
            try:
                self.tabib.engine.call("DELETE", f"/volumes/{name}")
            except engine_api.EngineError:
                continue


@pytest.fixture
def shop(tabib: Installation, tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []

    def make(text: str = SHOP) -> Shop:
        made.append(Shop(tabib, tmp_path / "p", text))
        return made[-1]

    yield make
    tabib("-p", tabib.prefix, "down", "-v", "--yes", timeout_s=120)
    for one in made:
        one.forget()


def test_every_kind_comes_back_and_compose_finds_nothing_to_do(
    shop: Callable[..., Shop], engine: engine_api.Engine
) -> None:
    it = shop()
    it("up", timeout_s=180).well()
    it.write("good")
    taken = it.backup()
    it.write("newer")
    refused = it("restore").ended(3, "runs on newer data", "--yes")
    assert "rows: what was written after" in refused.err
    would = it("restore", "--dry-run").well()
    assert taken in would.out
    assert it.read() == {"newer"}, "neither a refusal nor a dry run changes anything"
    result = it("restore", "--yes", "--json").json
    assert result["snapshot"] == taken
    assert it.read() == {"good"}
    assert result["rto_seconds"] >= sum(one["seconds"] for one in result["phases"]) * 0.9
    assert [one["name"] for one in result["phases"]] == [
        "fetch",
        "check",
        "stop",
        "swap",
        "start",
    ]
    assert len(result["lost"]) == 4
    for kept in result["kept"]:
        assert Path(kept).is_dir(), "what was there is kept"
    more = next(one for one in result["kept"] if (Path(one) / "word").is_file())
    assert (Path(more) / "word").read_text() == "newer\n"
    (row,) = [one for one in it("snapshots", "--json").json if one["id"] == taken]
    assert row["verified_at"], "it was looked at on the way"
    before = {name: one["Id"] for name, one in it.tabib.containers(it.name).items()}
    assert "nothing to do" in it("up").well().err
    run_compose(engine, "up", "-d", cwd=it.folder)
    assert {n: one["Id"] for n, one in it.tabib.containers(it.name).items()} == before
    assert it.helpers() == []
    assert it.tabib.incidents(it.name) == []
    # Verified, it is not looked at again; what was there before is not gone back to by itself.
    it.write("newest")
    again = it("restore", "--yes", "--json").json
    assert again["snapshot"] == taken
    assert "check" not in [one["name"] for one in again["phases"]]
    assert it.read() == {"good"}
    # And the way back is the copy of what was there.
    it("restore", "--snapshot", again["before"], "--yes").well()
    assert it.read() == {"newest"}


def test_an_adopted_project_in_the_engines_own_volumes(
    shop: Callable[..., Shop], engine: engine_api.Engine
) -> None:
    it = shop()
    run_compose(engine, "up", "-d", cwd=it.folder)
    it("adopt", it.name).well()
    until(lambda: "ready" in it("exec", "-T", "db", "pg_isready").out or "accepting" in
          it("exec", "-T", "db", "pg_isready").out, 60, "a database")  # fmt: skip
    it.write("good")
    it.backup()
    it.write("newer")
    before = {name: one["Id"] for name, one in it.tabib.containers(it.name).items()}
    result = it("restore", "--yes", "--json").json
    assert it.read() == {"good"}
    assert {n: one["Id"] for n, one in it.tabib.containers(it.name).items()} == before
    kept = [one.removeprefix("volume ") for one in result["kept"] if one.startswith("volume ")]
    assert len(kept) == 3
    volumes = it.volumes()
    assert {volumes[one]["Labels"]["tabib.helper"] for one in kept} == {"kept"}
    assert {volumes[one]["Labels"]["tabib.kept-project"] for one in kept} == {it.name}
    assert "nothing to do" in it("up").well().err


def test_after_down_v_the_final_snapshot_brings_it_back(shop: Callable[..., Shop]) -> None:
    it = shop(FILES)
    it("up").well()
    it.sh("keeper", "echo good > /one/word; echo good > /two/word; chown 33:44 /one/word")
    it.backup()
    it("down", "-v", "--yes").well()
    assert it.volumes() == {}
    it("restore").ended(0, "`tabib up` runs on what was restored")
    assert it.tabib.containers(it.name) == {}
    it("up").well()
    assert it.sh("keeper", "cat /one/word /two/word").split() == ["good", "good"]
    assert it.sh("keeper", "stat -c %u:%g /one/word") == "33:44"


def test_what_was_stopped_by_hand_and_emptied_runs_again(shop: Callable[..., Shop]) -> None:
    it = shop(FILES)
    it("up").well()
    it.sh("keeper", "echo good > /one/word")
    it.backup()
    it("stop").well()
    (it.device("one") / "word").unlink()
    it("restore", "keeper").well()
    assert it.sh("keeper", "cat /one/word") == "good"


def test_beside_into_volumes_of_another_name(shop: Callable[..., Shop]) -> None:
    it = shop(FILES)
    it("up").well()
    it.sh("keeper", "echo good > /one/word; echo good > /two/word")
    it.backup()
    it.sh("keeper", "echo newer > /one/word")
    other = f"{it.name}copy"
    it("restore", "--to", other).well()
    assert it.sh("keeper", "cat /one/word") == "newer", "what runs is left alone"
    assert {f"{other}_one", f"{other}_two"} <= set(it.volumes())
    it("restore", "--to", other).ended(3, "is there already")
    it("-p", other, "up").well()
    words = ("exec", "-T", "keeper", "cat", "/one/word", "/two/word")
    assert it("-p", other, *words).well().out.split() == ["good", "good"]
    it("-p", other, "down", "-v", "--yes").well()


def test_a_copy_that_cannot_be_read_gives_way_to_the_older_one(
    shop: Callable[..., Shop],
) -> None:
    it = shop(FILES)
    it("up").well()
    it.sh("keeper", "echo good > /one/word")
    taken = it.backup()
    it("restore", "--snapshot", "nosuch").ended(2, "no such snapshot")
    # The newest one, whose parts are gone from the repository, does not hold: the older is taken.
    it.sh("keeper", "head -c 3000000 /dev/urandom > /one/more; echo newest > /one/word")
    it.backup()
    newest = max(
        (it.tabib.state / "backups" / "repository" / "data").glob("*/*"),
        key=lambda one: (one.stat().st_size > 2_000_000, one.stat().st_mtime),
    )
    newest.unlink()
    result = it("restore", "--yes", "--json").json
    assert result["snapshot"] == taken
    assert it.sh("keeper", "cat /one/word") == "good"
    assert it.helpers() == []


def words(it: Shop) -> list[str]:
    return it.sh("keeper", "cat /one/word /two/word").split()


def test_undone_it_is_as_it_was_before_and_once_is_enough(shop: Callable[..., Shop]) -> None:
    it = shop(MIXED)
    it("up").well()
    it("restore", "--undo").ended(3, "there is no restore of it", "nothing to undo")
    it("restore", "--undo", "keeper").ended(2, "--undo goes with no SERVICE")
    it.sh("keeper", "echo a > /one/word; echo a > /two/word")
    taken = it.backup()
    it.sh("keeper", "echo b1 > /one/word; echo b2 > /two/word")
    it("restore", "--yes").well()
    assert words(it) == ["a", "a"]
    it.sh("keeper", "echo c > /one/word")
    it("restore", "--undo").ended(3, "runs on what was restored", "set aside", "--yes")
    would = it("restore", "--undo", "--dry-run").well()
    assert taken in would.out
    assert words(it) == ["c", "a"], "neither a refusal nor a dry run changes anything"
    result = it("restore", "--undo", "--yes", "--json").json
    assert words(it) == ["b1", "b2"]
    assert result["undone"]["snapshot"] == taken
    kept = {(Path(one) / "word").read_text().strip() for one in result["kept"]}
    assert kept == {"c", "a"}, "what was restored is kept instead"
    assert "nothing to do" in it("up").well().err
    it("restore", "--undo", "--yes").ended(3, "each was undone already")
    assert words(it) == ["b1", "b2"]
    assert it.helpers() == []
    assert it.tabib.incidents(it.name) == []


def test_one_on_which_nothing_becomes_healthy_is_undone(shop: Callable[..., Shop]) -> None:
    """Its container is made anew, and the sick one was well for a file of its own alone."""
    well = "! test -e /one/sick || test -e /tmp/well"
    check = f'healthcheck: {{test: [CMD-SHELL, "{well}"], interval: 0.5s, retries: 2}}'
    it = shop(FILES.replace("init: true", f"init: true\n    {check}"))
    it("up").well()
    it.sh("keeper", "touch /tmp/well /one/sick; echo a > /one/word; echo a > /two/word")
    it.backup()
    it.sh("keeper", "rm /one/sick; echo b > /one/word; echo b > /two/word")
    it("restore", "--yes").ended(6, "its health check fails", "`tabib restore --undo`")
    it("restore", "--undo", "--yes").well()
    assert words(it) == ["b", "b"]
    assert [one["health"] for one in it("ps", "--json").json] == ["healthy"]


def test_restores_are_undone_one_after_the_other(shop: Callable[..., Shop]) -> None:
    it = shop(MIXED)
    it("up").well()
    it.sh("keeper", "echo a > /one/word; echo a > /two/word")
    taken = it.backup()
    for word in ("b", "c"):
        it.sh("keeper", f"echo {word} > /one/word; echo {word} > /two/word")
        it("restore", "--snapshot", taken, "--yes").well()
    for word in ("c", "b"):
        it("restore", "--undo", "--yes").ended(0, "put back", "what had been restored is kept")
        assert words(it) == [word, word]
    it("restore", "--undo", "--yes").ended(3, "nothing to undo")


def test_what_was_kept_and_removed_by_hand_cannot_be_put_back(shop: Callable[..., Shop]) -> None:
    it = shop(MIXED)
    it("up").well()
    it.sh("keeper", "echo a > /one/word; echo a > /two/word")
    it.backup()
    it.sh("keeper", "echo b > /one/word; echo b > /two/word")
    kept = it("restore", "--yes", "--json").json["kept"]
    volume = next(one for one in kept if one.startswith(str(it.tabib.state)))
    before = {name: one["Id"] for name, one in it.tabib.containers(it.name).items()}
    shutil.rmtree(volume)
    it("restore", "--undo", "--yes").ended(3, volume, "is not there", "tabib snapshots")
    assert words(it) == ["a", "a"]
    assert {n: one["Id"] for n, one in it.tabib.containers(it.name).items()} == before


def test_undone_in_the_engines_own_volumes(
    shop: Callable[..., Shop], engine: engine_api.Engine
) -> None:
    it = shop(FILES)
    run_compose(engine, "up", "-d", cwd=it.folder)
    it("adopt", it.name).well()
    it.sh("keeper", "echo a > /one/word; echo a > /two/word")
    it.backup()
    it.sh("keeper", "echo b > /one/word; echo b > /two/word")
    it("restore", "--yes").well()
    it("restore", "--undo", "--yes").well()
    assert words(it) == ["b", "b"]
    kept = it("restore", "--yes", "--json").json["kept"]
    gone = kept[0].removeprefix("volume ")
    engine.call("DELETE", f"/volumes/{gone}")
    it("restore", "--undo", "--yes").ended(3, gone, "is not there any more", "tabib snapshots")
    assert words(it) == ["a", "a"]


def test_a_disk_that_it_would_fill_is_told_before_anything_is_done(
    shop: Callable[..., Shop],
) -> None:
    """The disk where the data lies, not that of the state folder."""
    it = shop(FILES.replace("two:/two", "./disk/two:/two"))
    disk = it.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=True)
    try:
        it("up").well()
        it.sh("keeper", "head -c 3000000 /dev/urandom > /two/much; echo a > /one/word")
        it.backup()
        it.sh("keeper", "head -c 2500000 /dev/zero > /two/more; echo b > /one/word")
        before, volumes = it.generations(), set(it.volumes())
        refused = it("restore", "--yes").ended(8, "it takes 3,300,", "are free", str(disk))
        assert "Traceback" not in refused.err
        assert it.sh("keeper", "cat /one/word; ls /two").split() == ["b", "more", "much"]
        assert (it.generations(), set(it.volumes())) == (before, volumes)
        assert [one.name for one in disk.iterdir()] == ["two"]
        assert len(it("snapshots", "--json").json) == 1, "no copy is taken for it either"
        it.sh("keeper", "rm /two/more")
        it("restore", "--yes").well()
        assert it.sh("keeper", "cat /one/word") == "a"
        it("down", "-v", "--yes").well()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_ctrl_c_leaves_nothing_and_changes_nothing(shop: Callable[..., Shop]) -> None:
    it = shop()
    it("up", timeout_s=180).well()
    it.write("good")
    taken = it.backup()
    it.write("newer")
    before, volumes = it.generations(), set(it.volumes())
    began = it.tabib.begin("restore", "--snapshot", taken, "--yes", cwd=it.folder)
    until(lambda: it.generations() - before, 60, "something is fetched")
    began.send_signal(signal.SIGINT)
    said = began.communicate(timeout=60)[0]
    assert began.returncode == 130, said
    assert "Nothing was changed" in said
    assert it.generations() == before
    assert set(it.volumes()) == volumes
    assert it.helpers() == []
    assert it.read() == {"newer"}


@pytest.mark.timeout(1800)
def test_killed_at_any_moment_the_old_data_or_the_new_is_there(
    shop: Callable[..., Shop],
) -> None:
    it = shop()
    it("up", timeout_s=180).well()
    it.write("good")
    taken = it.backup()
    seen = set()
    for number in range(DEATHS):
        it.write("newer")
        began = it.tabib.begin("restore", "--snapshot", taken, "--yes", cwd=it.folder)
        time.sleep(SAMPLE.uniform(0.3, SPAN_S))
        os.kill(it.tabib.pid, signal.SIGKILL)
        began.communicate(timeout=60)
        it("daemon", "start").well()
        until(lambda: _well(it), 90, f"all run again after death {number}")
        until(lambda: not it.helpers(), 30, f"no helper is left after death {number}")
        found = it.read()
        assert len(found) == 1, f"death {number}: all of one time, not {found}"
        seen |= found
        for folder in it.generations():
            assert any(Path(folder).iterdir()), f"death {number}: {folder} is empty"
    assert seen == {"newer", "good"} or seen == {"newer"}
    it("restore", "--snapshot", taken, "--yes").well()
    assert it.read() == {"good"}
    assert it.tabib.incidents(it.name) == []


def _well(it: Shop) -> bool:
    rows = it("ps", "--json").json
    return len(rows) == 3 and all(
        one["state"] == "running" and one["health"] in ("", "healthy") for one in rows
    )
