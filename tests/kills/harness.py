"""One project with a database and files, its work killed again and again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from setup.engine_api import Engine, EngineError

from support import real_engine
from support.installation import Installation, until

COMPOSE = """x-tabib:
  backup: {schedule: "", drill: {schedule: ""}, keep: {last: 2, daily: 0, weekly: 0, monthly: 0}}
services:
  db:
    image: redis:7
    command: >-
      redis-server --appendonly yes --appendfsync always --enable-debug-command local
    volumes: [rows:/data]
    healthcheck:
      test: [CMD, redis-cli, ping]
      interval: 500ms
      retries: 20
      start_period: 60s
  keeper:
    image: busybox:1.36
    command: [sleep, "1000000"]
    init: true
    volumes: [files:/srv]
volumes: {rows: {}, files: {}}
"""
WELL_S = 90.0
FILES = 40
_FILL = f"for i in $(seq {FILES}); do head -c 200000 /dev/urandom > /srv/$i; done"
VICTIMS = ("daemon", "helper", "both")
WORK = ("backup", "restore", "swap", "drill", "prune")
"""``swap``: a restore that is killed in its last part."""
SPAN = {"swap": (0.5, 1.05)}
ALL = (0.0, 1.05)
"""Within which part of the time that it takes each is killed."""
RESTORES = ("restore", "swap")
_KIND = {"swap": "restore"}
_REMEMBERED = 5
"""So many of the last times of a work say how long it takes now."""


@dataclass(slots=True)
class Killed:
    """What one run did, and what was wrong afterwards."""

    number: int
    work: str
    victim: str
    after_s: float
    ended: bool
    """It had ended before it could be killed."""
    hit: int = 0
    """So many processes were killed: the daemon, and its helpers."""
    became: str = ""
    """After a restore: the ``old`` data or the ``new``."""
    took_s: float = 0.0
    next_s: float = 0.0
    """How long the same work took afterwards."""
    wrong: list[str] = field(default_factory=list)


class Ground:
    """The installation and its project. ``clear`` leaves nothing."""

    def __init__(self, state: Path, engine: Engine) -> None:
        self.engine = engine
        self.volumes: set[str] = set()
        self.networks: set[str] = set()
        self.tabib = Installation(state, engine, prefix=real_engine.unique_prefix("tbk"))
        self.folder = self.tabib.project(state.parent / "kills-project", COMPOSE)
        self.name = self.tabib.prefix
        self.time = 0
        self.copied = 0
        """Of which time the newest snapshot that was acknowledged is."""
        self.took: dict[str, list[float]] = {}

    def begin(self) -> None:
        """Bring it up, give it data, take the first snapshot, learn how long each work takes."""
        self.tabib("up", cwd=self.folder, timeout_s=180).well()
        self._exec("keeper", "sh", "-c", _FILL)
        self._exec("db", "redis-cli", "DEBUG", "POPULATE", "20000", "noise", "200")
        self.write()
        self._backup()
        self.files = self._digest()
        self._remember()
        for work in ("drill", "restore", "prune", "backup"):
            self.run(work).well_done()

    def write(self) -> None:
        """Data of the next time, acknowledged, in the database and in the files."""
        self.time += 1
        said = self._exec("db", "redis-cli", "SET", "time", str(self.time)).strip()
        assert said == "OK", said
        script = f"for i in $(seq {FILES}); do echo {self.time} > /srv/$i.time; done; sync"
        self._exec("keeper", "sh", "-c", script)

    def read(self) -> set[str]:
        """Of which times the data is: of one, where it is whole."""
        found = {self._exec("db", "redis-cli", "GET", "time").strip()}
        found |= set(self._exec("keeper", "sh", "-c", "cat /srv/*.time").split())
        return found

    def _backup(self) -> None:
        """One more snapshot that was acknowledged."""
        self.run("backup").well_done()
        self.copied = self.time

    def run(self, work: str) -> _Ended:
        """One piece of work to its end."""
        begun = time.monotonic()
        done = self.tabib(*command(work, self.name), cwd=self.folder, timeout_s=240)
        took = self.took.setdefault(_KIND.get(work, work), [])
        took.append(time.monotonic() - begun)
        del took[:-_REMEMBERED]
        return _Ended(work, done.code, done.out + done.err)

    def kill_once(self, number: int, chance: random.Random) -> Killed:
        """Begin something, kill in the middle, look; then see the same complete."""
        work = WORK[number % len(WORK)]
        victim = chance.choice(VICTIMS)
        took = sorted(self.took[_KIND.get(work, work)])
        least, most = SPAN.get(work, ALL)
        after_s = took[len(took) // 2] * chance.uniform(least, most)
        killed = Killed(
            number=number, work=work, victim=victim, after_s=round(after_s, 2), ended=False
        )
        if work in RESTORES:
            # What is restored is another time than what is there.
            self._backup()
        self.write()
        started = self.tabib.begin(*command(work, self.name), cwd=self.folder)
        time.sleep(after_s)
        killed.ended = started.poll() is not None
        killed.hit = self._kill(victim)
        started.communicate(timeout=120)
        self._look(killed, work)
        return killed

    def _kill(self, victim: str) -> int:
        """How many processes were killed."""
        hit = 0
        if victim in ("helper", "both"):
            for id in self._helpers():
                try:
                    self.engine.call("POST", f"/containers/{id}/kill", query=[("signal", "KILL")])
                    hit += 1
                except EngineError:
                    continue  # it has ended by itself
        if victim in ("daemon", "both"):
            try:
                self.tabib.kill_daemon()
                hit += 1
            except AssertionError:
                pass  # it is not there
        return hit

    def _look(self, killed: Killed, work: str) -> None:
        def held(what: str, check: Callable[[], object]) -> None:
            try:
                found = check()
            except (AssertionError, subprocess.SubprocessError, OSError) as error:
                found = f"{type(error).__name__}: {str(error)[:300]}"
            if found:
                killed.wrong.append(f"{what}: {found}")

        self.tabib("daemon", "start")
        held("well again", lambda: until(self._well, WELL_S, "healthy again") and "")
        held("the data", lambda: self._data(killed, work))
        held("a good copy", self._good_copy)
        begun = time.monotonic()
        held("the next one completes", lambda: self.run(work).complaint())
        killed.next_s = time.monotonic() - begun
        if work in RESTORES:
            self.time = self.copied
        elif work == "backup":
            self.copied = self.time
        held("the data after it", lambda: self._is(str(self.time)))
        held("files", lambda: "" if self._digest() == self.files else "they differ")
        held("nothing left", lambda: until(self._clean, 30, f"left: {self._left()}") and "")

    def _data(self, killed: Killed, work: str) -> str:
        """All of one time: what was acknowledged last; or, in a restore, what it brings back."""
        if work not in RESTORES:
            return self._is(str(self.time))
        old, new = str(self.copied), str(self.time)
        found = self.read()
        killed.became = {old: "old", new: "new"}.get("".join(found), "mixed")
        return (
            "" if found in ({old}, {new}) else f"of the times {sorted(found)}, not {old} or {new}"
        )

    def _is(self, time: str) -> str:
        found = self.read()
        return "" if found == {time} else f"of the times {sorted(found)}, not {time}"

    def _well(self) -> bool:
        states = self.tabib("-p", self.name, "ps", "--json").json
        return len(states) == 2 and all(
            one["state"] == "running" and one["health"] in ("", "healthy") for one in states
        )

    def _good_copy(self) -> str:
        snapshots = self.tabib("snapshots", self.name, "--json").json
        good = [one for one in snapshots if one["complete"] and one["trigger"] != "damage"]
        if not good:
            return f"{len(snapshots)} snapshots, none is good"
        newest = max(good, key=lambda one: str(one["taken_at"]))
        # Not as the journal has it: as the repository gives it.
        said = self.tabib("snapshot", newest["id"], "ls", timeout_s=60)
        parts = [name for name in ("rows", "files") if name not in said.out]
        return f"{newest['id']} lacks {parts}: {said.err[-300:]}" if said.code or parts else ""

    def in_the_repository(self) -> str:
        """What is wrong with the repository as a whole: every pack is read, and what it lists by
        itself is what the journal lists."""
        folder = self.tabib.state / "backups" / "repository"
        key = self.tabib.state / "keys" / "repository.key"
        mount = ("-v", f"{folder}:/r", "-v", f"{key}:/key:ro")
        words = (
            "restic",
            "--no-cache",
            "--no-lock",
            "-r",
            "/r",
            "-p",
            "/key",
            "check",
            "--read-data",
        )
        done = subprocess.run(
            ["docker", "run", "--rm", "--network=none", *mount, "restic/restic:0.18.1", *words],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            return f"restic check: {(done.stderr or done.stdout)[-400:]}"
        known = {one["id"] for one in self.tabib("snapshots", self.name, "--json").json}
        asked = ("--repository", str(folder), "--key-file", str(key), "--json")
        stored = {one["id"] for one in self.tabib("snapshots", *asked, timeout_s=300).json}
        return "" if known == stored else f"listed {sorted(known)}, stored {sorted(stored)}"

    def _left(self) -> str:
        """Helpers, scratch containers, volumes and networks that are nobody's, paused services."""
        mine = {f"{self.name}-db-1", f"{self.name}-keeper-1"}
        found = [
            f"{one['Names'][0].lstrip('/')} ({one['State']})"
            for one in self.engine.call("GET", "/containers/json", query=[("all", "1")])
            if one["Names"][0].lstrip("/") not in mine or one["State"] != "running"
        ]
        volumes = self.engine.call("GET", "/volumes")["Volumes"] or []
        found += sorted({one["Name"] for one in volumes} - self.volumes)
        networks = self.engine.call("GET", "/networks")
        found += sorted({one["Name"] for one in networks} - self.networks)
        return ", ".join(found)

    def _remember(self) -> None:
        self.volumes = {one["Name"] for one in self.engine.call("GET", "/volumes")["Volumes"]}
        self.networks = {one["Name"] for one in self.engine.call("GET", "/networks")}

    def _clean(self) -> bool:
        return not self._left()

    def _helpers(self) -> list[str]:
        done = subprocess.run(
            ["docker", "ps", "-aq", "--filter", "label=tabib.helper"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    def _digest(self) -> str:
        return self._exec("keeper", "sh", "-c", "cat $(ls /srv/* | grep -v time) | sha256sum")

    def _exec(self, service: str, *words: str) -> str:
        name = f"{self.name}-{service}-1"
        done = subprocess.run(
            ["docker", "exec", name, *words], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return done.stdout

    def clear(self) -> None:
        self.tabib.clear()


@dataclass(frozen=True, slots=True)
class _Ended:
    work: str
    code: int
    said: str

    def complaint(self) -> str:
        return "" if self.code == 0 else f"{self.work} ended with {self.code}: {self.said[-400:]}"

    def well_done(self) -> None:
        assert self.code == 0, self.complaint()


def command(work: str, project: str) -> tuple[str, ...]:
    """The words for it."""
    return {
        "backup": ("-p", project, "backup"),
        "restore": ("-p", project, "restore", "--yes"),
        "swap": ("-p", project, "restore", "--yes"),
        "drill": ("-p", project, "drill"),
        "prune": ("-p", project, "backup", "--prune"),
    }[work]


def free() -> None:
    """Nothing of an interrupted run stays behind."""
    os.sync()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
