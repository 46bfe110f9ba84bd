"""Runs scenarios on one installation and one engine, several at once, and judges each."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from setup import engine_api
from setup.engine_api import Engine

from damage import judge
from damage.databases import DATABASES
from damage.judge import Result
from damage.patient import Patient
from damage.scenarios import Scenario, remove_folder, remove_volume
from support import real_engine
from support.installation import Installation, forget_tags, free_engine, kept_tags, owner_of
from support.own_engine import OwnEngine

HEALED_S = 300.0
TOLD_S = 150.0
FULL_S = 30.0
"""How long the disk stays full."""
GIVEN_UP_S = 40.0
"""A person is called, and nothing follows for so long."""
LINGER_S = 6.0
"""After the expected end: does anything else follow?"""
SETTLES_S = 5.0
"""What a data set is while it is well is on record by then."""


class Ground:
    """The installation, and room on small disks."""

    def __init__(self, folder: Path, engine: Engine, url: str = "") -> None:
        env = {"DOCKER_HOST": url} if url else None
        prefix = real_engine.unique_prefix("tbd")
        self.tabib = Installation(folder / "s", engine, prefix=prefix, env=env)
        self.folder = folder
        self.stopped = Event()
        self.drills = True
        """Whether the snapshot that follows is drilled."""

    def run(self, chosen: Sequence[Scenario], jobs: int) -> Iterator[Result]:
        with ThreadPoolExecutor(jobs) as pool:
            begun = [pool.submit(self.one, one) for one in chosen]
            try:
                for done in as_completed(begun):
                    yield done.result()
            finally:
                self.stopped.set()
                pool.shutdown(cancel_futures=True)

    def one(self, scenario: Scenario) -> Result:
        """One scenario, from nothing to nothing."""
        database = scenario.database
        result = Result(
            name=scenario.name, database=database.name, damage=scenario.damage, end=scenario.end
        )
        bind = None
        if scenario.small_disk:
            bind = self.folder / "disks" / database.name / "room" / "data"
            shutil.rmtree(bind.parent, ignore_errors=True)
            bind.mkdir(parents=True)
        patient = Patient(
            tabib=self.tabib,
            database=database,
            name=f"{self.tabib.prefix}{scenario.name}",
            project=self.folder / "p" / scenario.name,
            acks=self.folder / f"{scenario.name}.acked",
            bind=bind,
            stopped=self.stopped,
        )
        begun = time.monotonic()
        try:
            self._prepare(scenario, patient)
            self._harm(scenario, patient, result)
        except (
            AssertionError,
            subprocess.SubprocessError,
            OSError,
            LookupError,
            ValueError,
        ) as error:
            result.wrong.append(f"{type(error).__name__}: {_short(str(error))}")
            result.told = [judge.told(one) for one in self._incidents(patient)]
        finally:
            patient.end()
            self._clear(patient)
        result.seconds = time.monotonic() - begun
        return result

    def _incidents(self, patient: Patient) -> list[dict[str, Any]]:
        try:
            return patient.incidents()
        except (AssertionError, subprocess.SubprocessError):
            return []

    def _prepare(self, scenario: Scenario, patient: Patient) -> None:
        patient.up(
            scenario.database.compose(
                care=scenario.care, point_in_time=scenario.point_in_time, bind=patient.bind
            )
        )
        patient.write()
        time.sleep(SETTLES_S)
        if scenario.backup:
            self.tabib("backup", cwd=patient.project, timeout_s=240).well()
        if scenario.drilled:
            patient.said("drill", timeout_s=240).well()
        if scenario.point_in_time:
            time.sleep(15)
        time.sleep(2)
        patient.table = scenario.database.table(patient.folder())

    def _harm(self, scenario: Scenario, patient: Patient, result: Result) -> None:
        before = patient.incidents()
        if before:
            result.wrong.append(f"before any damage: {judge.told(before[-1])}")
        harmed = time.time()
        place = patient.folder()
        scenario.harm(patient)
        end: dict[str, Callable[..., None]] = {
            "restored": self._restored,
            "one command": self._restored,
            "kept": self._kept,
            "told": self._told,
        }
        try:
            end[scenario.end](scenario, patient, result, harmed, place)
        finally:
            time.sleep(LINGER_S)
            found = patient.incidents()
            result.told = [judge.told(one) for one in found]
            fresh = judge.about_it(found)
            if len(fresh) > 1 or (not fresh and scenario.damage != "disk full"):
                result.wrong.append(f"{len(fresh)} incidents")
            if fresh:
                result.noticed = judge.at(fresh[0]["opened_at"]) - harmed
                result.outcome = fresh[-1]["outcome"]
                result.cause = fresh[-1]["cause"]["code"]
                result.treated = ", ".join(one["action"] for one in fresh[-1]["treatments"])
        if scenario.end != "told":
            self._next_copy(patient, result)

    # ── the ends ───────────────────────────────────────────────────────────────────────────────

    def _restored(
        self, scenario: Scenario, patient: Patient, result: Result, harmed: float, place: Path
    ) -> None:
        by_hand = scenario.end == "one command"
        if by_hand:
            offered = patient.until(lambda: _of(patient, "needs_human"), TOLD_S)
            assert offered, "nothing is offered"
            result.wrong += _restored_already(patient)
            last = _of(patient, "needs_human")[-1]
            done = self.tabib("incident", str(last["id"]), "--treat", timeout_s=HEALED_S)
            assert done.code == 0, str(done)[-500:]
        assert self._until_restored(patient), "it is not restored"
        assert patient.until(lambda: patient.health() == "healthy", 60), "it is not healthy"
        last = [one for one in _of(patient, "recovered") if judge.restores([one])][-1]
        safe = judge.restored(
            result,
            last,
            patient.snapshots(),
            patient.healthy_at(harmed),
            nothing_to_keep=scenario.harm in (remove_volume, remove_folder),
        )
        fenced = time.time()
        assert patient.until(lambda: max(patient.acked().values()) > fenced, 60), (
            "nobody can write to it"
        )
        acked = {row: when for row, when in patient.acked().items() if when < fenced - 1}
        judge.rows(result, acked, patient.rows(), safe)
        judge.stated_loss(result)
        if patient.old() != patient.noted["old"]:
            result.wrong.append(f"old rows: {patient.old()}, {patient.noted['old']} were there")

    def _until_restored(self, patient: Patient) -> bool:
        """Whether it is; waiting ends where tabib has given up."""
        given_up = [0.0]

        def ended() -> bool:
            if [one for one in _of(patient, "recovered") if judge.restores([one])]:
                return True
            if not _of(patient, "needs_human"):
                given_up[0] = 0.0
            else:
                given_up[0] = given_up[0] or time.monotonic()
            return bool(given_up[0]) and time.monotonic() - given_up[0] > GIVEN_UP_S

        patient.until(ended, HEALED_S)
        return bool([one for one in _of(patient, "recovered") if judge.restores([one])])

    def _kept(
        self, scenario: Scenario, patient: Patient, result: Result, harmed: float, place: Path
    ) -> None:
        """Nothing is restored, and nothing is lost."""
        if scenario.damage == "disk full":
            time.sleep(FULL_S)
        elif scenario.damage != "checkpoint" and not patient.until(
            lambda: _of(patient, "needs_human"), TOLD_S
        ):
            result.wrong.append("nobody is called")
        result.wrong += _restored_already(patient)
        acked = patient.acked()
        if scenario.repair is not None:
            scenario.repair(patient)
        assert patient.until(lambda: patient.health() == "healthy", 120), "it is not healthy"
        now = time.time()
        assert patient.until(lambda: max(patient.acked().values()) > now, 60), "nobody can write"
        if scenario.damage == "checkpoint":
            assert patient.until(lambda: _of(patient, "recovered"), 60), "no incident says so"
        judge.rows(result, acked, patient.rows(), time.time())
        if patient.old() != patient.noted["old"]:
            result.wrong.append(f"old rows: {patient.old()}, {patient.noted['old']} were there")
        result.wrong += _restored_already(patient)
        if patient.folder() != place:
            result.wrong.append(f"its data is elsewhere: {patient.folder()}")

    def _told(
        self, scenario: Scenario, patient: Patient, result: Result, harmed: float, place: Path
    ) -> None:
        """Without a snapshot: a person is called, and what is there stays."""
        size = patient.table.stat().st_size
        if not patient.until(lambda: _of(patient, "needs_human"), TOLD_S):
            result.wrong.append("nobody is called")
        result.wrong += _restored_already(patient)
        found = _of(patient, "needs_human")
        if found and not found[-1]["advice"]:
            result.wrong.append("no advice is given")
        if patient.folder() != place or not patient.table.exists():
            result.wrong.append("what was there is gone")
        elif patient.table.stat().st_size < size:
            result.wrong.append("what was there is smaller")

    def _next_copy(self, patient: Patient, result: Result) -> None:
        done = self.tabib("backup", cwd=patient.project, timeout_s=240)
        if done.code:
            result.wrong.append(f"the next backup: {str(done)[-300:]}")
            return
        newest = max(patient.snapshots(), key=lambda one: str(one["taken_at"]))
        if not newest["complete"] or newest["trigger"] == "damage":
            result.wrong.append(f"the next snapshot is {newest}")
        drill = patient.said("drill", timeout_s=240) if self.drills else None
        if drill is not None and drill.code:
            result.wrong.append(f"a drill of it: {str(drill)[-300:]}")

    def _clear(self, patient: Patient) -> None:
        self.tabib("-p", patient.name, "down", "-v", "--yes", "-t", "0", timeout_s=240)

    def clear(self) -> None:
        self.tabib.clear()


def _short(text: str) -> str:
    return text if len(text) < 800 else f"{text[:400]} … {text[-400:]}"


def _of(patient: Patient, outcome: str) -> list[dict[str, Any]]:
    return [one for one in patient.incidents() if one["outcome"] == outcome]


def _restored_already(patient: Patient) -> list[str]:
    return ["something was restored"] if judge.restores(patient.incidents()) else []


@contextmanager
def ground(images: Iterable[str], *, own_engine: bool = False) -> Iterator[Ground]:
    """An installation on the machine's engine, or on one of its own; nothing of it is left."""
    wanted = sorted(set(images))
    real_engine.ensure_images(*wanted)
    machine = engine_api.Engine(engine_api.find())
    folder = Path(tempfile.mkdtemp(prefix="tbd-", dir="/tmp"))
    disks = []
    own: OwnEngine | None = None
    made: Ground | None = None
    try:
        # Before the engine starts: it has a view of mounts of its own.
        for one in DATABASES.values():
            disk = folder / "disks" / one.name
            disk.mkdir(parents=True)
            words = ["mount", "-t", "tmpfs", "-o", f"size={one.room_mb}m", "tmpfs", str(disk)]
            subprocess.run(words, check=True)
            disks.append(disk)
        if own_engine:
            own = OwnEngine()
            own.start()
            _copy_images(own.url, wanted)
            os.environ["DOCKER_HOST"] = own.url
            made = Ground(folder, own.engine, own.url)
        else:
            free_engine(machine)
            made = Ground(folder, machine)
        before = kept_tags(made.tabib.engine)
        yield made
        made.clear()
        forget_tags(made.tabib.engine, kept_tags(made.tabib.engine) - before)
        assert owner_of(made.tabib.engine) is None
    finally:
        if made is not None and made.tabib.state.exists():
            made.tabib.sweep()
        if own is not None:
            own.close()
            os.environ.pop("DOCKER_HOST", None)
        for disk in disks:
            subprocess.run(["umount", "-l", str(disk)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _copy_images(url: str, wanted: Iterable[str]) -> None:
    listed = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "restic/restic"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    images = [*wanted, *listed.stdout.split(), real_engine.IMAGE]
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving:
        subprocess.run(["docker", "-H", url, "load", "-q"], stdin=saving.stdout, check=True)
