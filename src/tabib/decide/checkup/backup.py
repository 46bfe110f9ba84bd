"""``backup.*``: data that nobody keeps a second copy of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tabib.decide.checkup.databases import database_of, keeps_data, makes_backups
from tabib.decide.checkup.rule import Check, config, found
from tabib.model.checkup import CheckupFinding, Examined, Observation
from tabib.model.container import MountState

_ANONYMOUS = re.compile("[0-9a-f]{64}")


def place(mount: MountState) -> str:
    """What a mount is of: the volume's name, or the path on the machine."""
    return mount.name or mount.source


def anonymous(mount: MountState) -> bool:
    """Whether it is a volume that nobody named: mostly one that only the image asked for."""
    return _ANONYMOUS.fullmatch(mount.name) is not None


def _is_cache(one: Examined) -> bool:
    """A Redis whose volume nobody named is not meant to keep anything."""
    known = database_of(one)
    return known is not None and known.name == "Redis"


def _called(mount: MountState) -> str:
    if anonymous(mount):
        return f"volume at {mount.target}, which has no name and goes with the container"
    return f"volume {mount.name}" if mount.name else f"folder {mount.source}"


def _none(observation: Observation) -> Iterable[CheckupFinding]:
    copied = {
        place(mount) for one in observation.containers if makes_backups(one) for mount in one.mounts
    }
    for one in observation.containers:
        if not one.runs or one.oneoff or makes_backups(one):
            continue
        for mount in one.mounts:
            if mount.read_only or mount.type not in ("volume", "bind") or place(mount) in copied:
                continue
            why = keeps_data(one, mount, observation.volume_files.get(place(mount), ()))
            if why and not (anonymous(mount) and _is_cache(one)):
                summary = f"nothing that tabib knows of backs up its {_called(mount)}"
                yield found(one, "backup.none", "warning", summary, config(why))
                break


RULES: tuple[Check, ...] = (
    Check(
        code="backup.none",
        check=_none,
        explain="A volume holds data that must not be lost, and no backup of it is known.",
        advice=(
            "Back it up: a dump on a schedule, or a backup container that mounts it. tabib itself"
            " makes none yet. Where something else does, set the label"
            " `tabib.checkup.ignore: backup.none`."
        ),
    ),
)
