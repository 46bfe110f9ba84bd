"""Stories of data: a database whose folder is really there, and how it is harmed."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

from support.patients import settled
from support.projects import project, service
from support.site import Daemon, House
from tabib.engines.memory import by_hand
from tabib.model.backup import Identity

DB = project(
    service("db", image="postgres:15", check=True, volumes={"/var/lib/postgresql/data": "data"})
)
NAME = "tale_data"
LOOKS_S = 35.0
"""Longer than between two looks."""
BORN = 1_700_000_000


def folder_of(house: House) -> Path:
    return Path(house.world.volumes[NAME].options["device"])


def initialise(folder: Path, born: int = BORN, rows: int = 200_000) -> None:
    """As ``initdb`` and the application would."""
    (folder / "global").mkdir(parents=True, exist_ok=True)
    (folder / "PG_VERSION").write_text("15\n")
    head = struct.pack("=QI", (born << 32) | 12345, 1300)
    (folder / "global" / "pg_control").write_bytes(head + bytes(500))
    (folder / "rows").write_bytes(bytes(rows))


def empty(folder: Path) -> None:
    for one in folder.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()


async def runs(house: House, daemon: Daemon) -> Path:
    """It is up, with data, on record."""
    house.world.add_image("postgres:15")
    await settled(daemon, DB)
    folder = folder_of(house)
    initialise(folder)
    await daemon.passes(LOOKS_S)
    return folder


async def known(daemon: Daemon) -> Identity:
    found = await daemon.journal.identities(daemon.tools.info.id, "tale")
    assert len(found) == 1, found
    return found[0]


async def restarted(house: House, daemon: Daemon) -> None:
    await by_hand.docker_restart(house.world, "tale-db-1")
    await daemon.passes(20)
