"""What is done to the data, and what must come of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from damage.databases import DATABASES, Database

if TYPE_CHECKING:
    from damage.patient import Patient

SPARED_BYTES = 256 * 1024
"""The beginning of a file is left as it was; InnoDB makes files larger than what is in them."""
Harm = Callable[["Patient"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """``end``: ``restored`` (by itself), ``one command`` (restored at a person's word),
    ``kept`` (nothing restored, nothing lost) or ``told`` (a person is called, nothing restored)."""

    database: Database
    damage: str
    harm: Harm
    end: str = "restored"
    repair: Harm | None = None
    """What a person does about it that is not tabib's: a mode put back, room made."""
    drilled: bool = False
    backup: bool = True
    care: str = "act"
    point_in_time: bool = False
    small_disk: bool = False
    quick: bool = False

    @property
    def name(self) -> str:
        return f"{self.database.name}-{self.damage.replace(' ', '-')}"


# ── damages ────────────────────────────────────────────────────────────────────────────────────


def delete_files(patient: Patient) -> None:
    for one in patient.folder().iterdir():
        shutil.rmtree(one, ignore_errors=True) if one.is_dir() else one.unlink(missing_ok=True)


def delete_files_and_die(patient: Patient) -> None:
    """What it has in memory goes with it."""
    delete_files(patient)
    die(patient)


def truncate(patient: Patient) -> None:
    table = patient.table
    os.truncate(table, min(table.stat().st_size // 2, SPARED_BYTES))
    provoke(patient)


def flip_bits(patient: Patient) -> None:
    _flip(patient.table)
    provoke(patient)


def flip_bits_until_backup(patient: Patient) -> None:
    """Nobody reads these pages but the next copy."""
    _flip(patient.table)
    patient.tabib("backup", cwd=patient.project, timeout_s=240)


def _flip(path: Path) -> None:
    """A bit in every 512 bytes of the middle of the file: in its pages, not in its header."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for at in range(min(size // 3, SPARED_BYTES), 2 * size // 3, 512):
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes((byte[0] ^ 0x10,)))


def provoke(patient: Patient) -> None:
    """Somebody reads it. What is in its memory is whole: there it has to start anew."""
    if patient.database.again:
        run = patient.started_at()
        die(patient)
        patient.until_running(not_since=run)
    patient.client(patient.database.old, check=False)


def remove_volume(patient: Patient) -> None:
    folder, volume = patient.folder(), patient.volume
    patient.docker("rm", "-f", patient.db)
    for _ in range(20):
        if patient.docker("volume", "rm", volume, check=False) == 0:
            break
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def remove_folder(patient: Patient) -> None:
    shutil.rmtree(patient.folder(), ignore_errors=True)
    die(patient)


def bar(patient: Patient) -> None:
    file = patient.database.barred(patient.folder())
    patient.noted["barred"] = f"{file}|{file.stat().st_mode & 0o7777}"
    file.chmod(0)
    die(patient)


def unbar(patient: Patient) -> None:
    file, _, mode = patient.noted["barred"].partition("|")
    Path(file).chmod(int(mode))
    patient.start()


def fill_disk(patient: Patient) -> None:
    filler = patient.folder().parent / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"\xa5" * 65536)
        except OSError:
            pass
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"\xa5" * 512)
        except OSError:
            pass


def make_room(patient: Patient) -> None:
    (patient.folder().parent / "filler").unlink()
    patient.start()


def die_in_checkpoint(patient: Patient) -> None:
    with subprocess.Popen(patient.client_words(patient.database.checkpoint)) as asking:
        time.sleep(0.15)
        die(patient)
        asking.wait(30)


def die(patient: Patient) -> None:
    """SIGKILL from outside the engine: to it, a crash."""
    found = patient.tabib.inspect(patient.db)
    assert found is not None, f"{patient.db} is not there"
    pid = int(found["State"]["Pid"])
    if patient.database.name == "sqlite":
        # Its init would only see its child off.
        for one in _children(pid):
            os.kill(one, signal.SIGKILL)
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


# ── all of them ────────────────────────────────────────────────────────────────────────────────


def scenarios() -> list[Scenario]:
    found: list[Scenario] = []
    for database in DATABASES.values():
        redis = database.name == "redis"
        deleted: Harm = delete_files_and_die if redis else delete_files

        def add(
            damage: str,
            harm: Harm,
            end: str = "restored",
            *,
            of: Database = database,
            **more: object,
        ) -> None:
            found.append(Scenario(database=of, damage=damage, harm=harm, end=end, **more))  # type: ignore[arg-type]

        # A file of SQLite's that is begun anew may be meant: a person says.
        add(
            "deleted",
            deleted,
            "one command" if database.name == "sqlite" else "restored",
            drilled=True,
        )
        add("truncated", truncate, quick=database.name == "postgres")
        add("bits", flip_bits, drilled=True)
        add("volume removed", remove_volume, quick=database.name in ("redis", "mariadb"))
        add("folder removed", remove_folder, drilled=True)
        add("permissions", bar, "kept", repair=unbar)
        add("disk full", fill_disk, "kept", repair=make_room, small_disk=True)
        add("checkpoint", die_in_checkpoint, "kept", quick=database.name == "sqlite")
        add("no snapshot", truncate, "told", backup=False)
        add("advise", deleted, "one command", care="advise")
        if redis:
            add("deleted while it runs on", delete_files, "kept")
        if database.name in ("postgres", "mariadb", "sqlite"):
            add("bits seen by a backup", flip_bits_until_backup)
        if database.name == "postgres":
            add("point in time", deleted, point_in_time=True)
    return found
