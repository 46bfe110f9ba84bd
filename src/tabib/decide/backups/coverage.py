"""Whether what a container keeps has a copy, by what tabib has done; no file is looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from tabib.decide.backups.datasets import can_be_made_again
from tabib.decide.backups.retention import usable, verified
from tabib.decide.databases import at_its_place, database_of, makes_backups
from tabib.model.backup import Copies, Dataset, Snapshot
from tabib.model.container import ContainerState, MountState

COVERED, NONE, PENDING = "covered", "none", "pending"
SOON = timedelta(hours=1)
"""After a project came into care, until its data is expected to have a copy."""
_ANONYMOUS = re.compile("[0-9a-f]{64}")


def places_of(snapshots: Iterable[Snapshot]) -> frozenset[str]:
    """What the newest snapshot that could be restored from has, by volume or folder."""
    newest = newest_of(snapshots)
    return frozenset(part.dataset.place.source for part in newest.parts) if newest else frozenset()


def newest_of(snapshots: Iterable[Snapshot]) -> Snapshot | None:
    return max(filter(usable, snapshots), key=lambda one: one.taken_at, default=None)


def newest_verified(snapshots: Iterable[Snapshot]) -> Snapshot | None:
    return max(filter(verified, snapshots), key=lambda one: one.taken_at, default=None)


def waived_of(datasets: Iterable[Dataset]) -> tuple[str, ...]:
    """The places that nobody expects a copy of."""
    return tuple(
        one.place.source
        for one in datasets
        if not one.covered and (one.kind == "cache" or one.why.startswith("`"))
    )


def state_of(container: ContainerState, copies: Copies, now: datetime) -> str:
    """``covered``, ``pending`` (its first copy is still to come) or ``none``; ``""``: it keeps
    nothing that tabib knows of."""
    keeps = [mount for mount in container.mounts if _keeps(container.image, mount)]
    wanted = {place(one) for one in keeps} - copies.waived
    wanted |= {place(one) for one in container.mounts if place(one) in copies.places}
    if not wanted:
        return ""
    if wanted <= copies.places:
        return COVERED
    early = copies.since is not None and now - copies.since <= SOON and copies.enabled
    return PENDING if early else NONE


def place(mount: MountState) -> str:
    return mount.name or mount.source


def _keeps(image: str, mount: MountState) -> bool:
    if mount.read_only or mount.type not in ("volume", "bind") or makes_backups(image):
        return False
    if can_be_made_again(mount.target):
        return False
    known = database_of(image)
    database = known is not None and at_its_place(known, mount.target)
    if mount.type == "bind":
        return database
    if _ANONYMOUS.fullmatch(mount.name):
        return database and known is not None and known.name != "Redis"
    return True


def age_s(snapshots: Sequence[Snapshot], now: datetime) -> float | None:
    """Seconds since the newest copy; None: there is none."""
    newest = newest_of(snapshots)
    return None if newest is None else max(0.0, (now - newest.taken_at).total_seconds())


def lacking(places: Collection[str], copies: Copies) -> frozenset[str]:
    """Of ``places`` those that no copy is known of."""
    return frozenset(places) - copies.places - copies.waived
