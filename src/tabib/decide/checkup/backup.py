"""``backup.*``: data that nobody keeps a second copy of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from tabib.decide.backups.coverage import SOON
from tabib.decide.checkup.rule import Check, config, found
from tabib.decide.databases import database_of, keeps_data, makes_backups
from tabib.model.backup import Copies
from tabib.model.checkup import CheckupFinding, Examined, Observation
from tabib.model.container import MountState
from tabib.model.incident import Evidence

_ANONYMOUS = re.compile("[0-9a-f]{64}")


def place(mount: MountState) -> str:
    """What a mount is of: the volume's name, or the path on the machine."""
    return mount.name or mount.source


def anonymous(mount: MountState) -> bool:
    """Whether it is a volume that nobody named: mostly one that only the image asked for."""
    return _ANONYMOUS.fullmatch(mount.name) is not None


def _is_cache(one: Examined) -> bool:
    """A Redis whose volume nobody named is not meant to keep anything."""
    known = database_of(one.image)
    return known is not None and known.name == "Redis"


def _called(mount: MountState) -> str:
    if anonymous(mount):
        return f"volume at {mount.target}, which has no name and goes with the container"
    return f"volume {mount.name}" if mount.name else f"folder {mount.source}"


def _none(observation: Observation) -> Iterable[CheckupFinding]:
    copied = {
        place(mount)
        for one in observation.containers
        if makes_backups(one.image)
        for mount in one.mounts
    }
    for one in observation.containers:
        if not one.runs or one.oneoff or makes_backups(one.image):
            continue
        copies = observation.copies.get(one.project)
        if copies is not None and _soon(copies, observation.at):
            continue
        known = copied | (copies.places | copies.waived if copies else frozenset())
        for mount in one.mounts:
            if mount.read_only or mount.type not in ("volume", "bind") or place(mount) in known:
                continue
            files = observation.volume_files.get(place(mount), ())
            why = keeps_data(one.image, mount.target, files)
            if why and not (anonymous(mount) and _is_cache(one)):
                summary = f"nothing that tabib knows of backs up its {_called(mount)}"
                yield found(one, "backup.none", "warning", summary, config(why))
                break


def _soon(copies: Copies, now: datetime) -> bool:
    """Whether its first copy is still to come."""
    early = copies.since is not None and now - copies.since <= SOON
    return copies.enabled and copies.newest is None and early


def _projects(observation: Observation) -> Iterator[tuple[Copies, Examined]]:
    """Each project's copies, with the container that a finding about them is told of: of a service
    that has data."""
    for name, copies in observation.copies.items():
        mine = [one for one in observation.containers if one.project == name and not one.oneoff]
        mine.sort(key=lambda one: (one.service not in copies.services, one.service, one.name))
        if mine:
            yield copies, mine[0]


def _hours(since: datetime, now: datetime) -> str:
    hours = (now - since).total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"


def _stale(observation: Observation) -> Iterable[CheckupFinding]:
    for copies, one in _projects(observation):
        limit, now = copies.stale_after, observation.at
        if copies.newest is None or not copies.enabled or limit is None:
            continue
        if now - copies.newest > limit:
            summary = f"the newest snapshot of {one.project} is {_hours(copies.newest, now)} old"
            text = f"its schedule lets one become {limit.total_seconds() / 3600:.0f} hours old"
            yield found(one, "backup.stale", "error", summary, history(text, copies.newest))


def _unverified(observation: Observation) -> Iterable[CheckupFinding]:
    for copies, one in _projects(observation):
        if copies.drill_failed:
            summary = f"the last drill of {one.project} failed"
            yield found(one, "backup.unverified", "error", summary, history(copies.drill_failed))
            continue
        limit, now = copies.drill_after, observation.at
        since = copies.verified or copies.first
        if since is None or limit is None or now - since <= limit:
            continue
        if copies.verified is None:
            summary = f"no snapshot of {one.project} was ever drilled"
            text = f"the first one was taken {_hours(since, now)} ago"
        else:
            summary = f"no snapshot of {one.project} was drilled of late"
            text = f"the newest verified one is {_hours(since, now)} old"
        yield found(one, "backup.unverified", "warning", summary, history(text, since))


def _failed(observation: Observation) -> Iterable[CheckupFinding]:
    for copies, one in _projects(observation):
        if copies.failures:
            severity = "error" if copies.failures >= 3 else "warning"
            times = "" if copies.failures == 1 else f" {copies.failures} times in a row"
            summary = f"the backup of {one.project} failed{times}"
            yield found(one, "backup.failed", severity, summary, history(copies.failed))


def _log(observation: Observation) -> Iterable[CheckupFinding]:
    for copies, one in _projects(observation):
        if copies.no_log:
            summary = f"no log of {one.project} is kept, though point_in_time asks for it"
            yield found(one, "backup.log", "warning", summary, config(copies.no_log))


def history(text: str, at: datetime | None = None) -> Evidence:
    return Evidence(source="history", text=text, at=at)


RULES: tuple[Check, ...] = (
    Check(
        code="backup.none",
        check=_none,
        explain="A volume holds data that must not be lost, and no backup of it is known.",
        advice=(
            "`tabib up` (or `tabib adopt`) takes the project into care: then its data is copied"
            " every night; `tabib backup` makes a copy now. Where something else does, set the"
            " label `tabib.checkup.ignore: backup.none`."
        ),
    ),
    Check(
        code="backup.stale",
        check=_stale,
        explain="The newest snapshot is older than the project's schedule allows.",
        advice="`tabib backup` makes one now, and shows what keeps it from being made.",
    ),
    Check(
        code="backup.unverified",
        check=_unverified,
        explain="No drill has shown that the newest snapshots can be restored.",
        advice="`tabib drill` restores the newest one into scratch and checks it.",
    ),
    Check(
        code="backup.failed",
        check=_failed,
        explain="The last tries to copy the project's data failed.",
        advice="`tabib backup` tries again, and shows what is wrong.",
    ),
    Check(
        code="backup.log",
        check=_log,
        explain="The write-ahead log of a database is not received.",
        advice=(
            "Until it is, a restore goes back to the last snapshot. `tabib backup --plan` says of"
            " which data a log is kept, and why not of the rest."
        ),
    ),
)
