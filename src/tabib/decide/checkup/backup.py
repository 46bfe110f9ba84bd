"""``backup.*``: data that nobody keeps a second copy of."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.checkup.databases import keeps_data, makes_backups
from tabib.decide.checkup.rule import Check, config, found
from tabib.model.checkup import CheckupFinding, Observation
from tabib.model.container import MountState


def place(mount: MountState) -> str:
    """What a mount is of: the volume's name, or the path on the machine."""
    return mount.name or mount.source


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
            if why:
                what = "volume" if mount.name else "folder"
                summary = f"nothing that tabib knows of backs up its {what} {place(mount)}"
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
