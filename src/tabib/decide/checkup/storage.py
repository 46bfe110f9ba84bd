"""``storage.*``: disks, volumes, and logs that grow without end."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.checkup.rule import (
    GIB,
    Check,
    config,
    each,
    engine,
    found,
    host,
    named,
    of_node,
    size,
)
from tabib.decide.databases import keeps_data, makes_backups
from tabib.model.checkup import CheckupFinding, Examined, Observation
from tabib.model.container import ImageState

LARGE_LOG_BYTES = GIB
LOW, VERY_LOW, FULL = 0.10, 0.05, 0.02
"""Free shares of a disk from which on it is low."""
ROOMY_BYTES = 20 * GIB
"""So much free is no cause for a warning, whatever its share of a large disk."""
OWNER_VOLUME = "tabib_owner"


def _unbounded_log(one: Examined) -> CheckupFinding | None:
    if one.log_rotated:
        return None
    large = one.log_bytes is not None and one.log_bytes >= LARGE_LOG_BYTES
    now = "" if one.log_bytes is None else f"; it has {size(one.log_bytes)} now"
    evidence = [config(f"log driver {one.log_driver}, without max-size")]
    if one.log_bytes is not None:
        evidence.append(host(f"its log takes {size(one.log_bytes)}"))
    return found(
        one,
        "storage.log-unbounded",
        "error" if large else "warning",
        f"its log grows until the disk is full{now if large else ''}",
        *evidence,
    )


def _shared_volume(observation: Observation) -> Iterable[CheckupFinding]:
    users: dict[str, list[Examined]] = {}
    for one in observation.containers:
        if one.oneoff or not one.runs or makes_backups(one.image):
            continue
        for mount in one.mounts:
            if mount.type == "volume" and mount.name and not mount.read_only:
                users.setdefault(mount.name, []).append(one)
    for volume, those in sorted(users.items()):
        if len({one.id for one in those}) < 2:
            continue
        files = observation.volume_files.get(volume, ())
        why = next(
            (
                known
                for one in those
                for mount in one.mounts
                if mount.name == volume and (known := keeps_data(one.image, mount.target, files))
            ),
            "",
        )
        first, *others = sorted(those, key=lambda one: one.name)
        summary = f"it writes to volume {volume} beside {named(one.name for one in others)}"
        evidence = [engine(f"mounted writable by {named(one.name for one in those)}")]
        yield found(
            first,
            "storage.volume-shared",
            "error" if why else "info",
            summary,
            *evidence,
            *([config(why)] if why else []),
        )


def _root_full(observation: Observation) -> Iterable[CheckupFinding]:
    room = observation.room
    if room is None or not room.size_bytes:
        return
    share = room.free_bytes / room.size_bytes
    severity = _low(share)
    if not severity or room.free_bytes >= ROOMY_BYTES:
        return
    yield of_node(
        "storage.engine-root-full",
        severity,
        f"the disk of the engine's data is nearly full: {size(room.free_bytes)} free",
        host(f"{room.path}: {size(room.free_bytes)} of {size(room.size_bytes)} free"),
    )


def _inodes_full(observation: Observation) -> Iterable[CheckupFinding]:
    room = observation.room
    if room is None or not room.inodes:
        return
    share = room.inodes_free / room.inodes
    severity = _low(share)
    if severity:
        yield of_node(
            "storage.inodes-full",
            severity,
            f"the disk of the engine's data has nearly no inodes left: {100 * share:.0f} % free",
            host(f"{room.path}: {room.inodes_free} of {room.inodes} inodes free"),
        )


def _low(share: float) -> str:
    if share < FULL:
        return "critical"
    return "error" if share < VERY_LOW else "warning" if share < LOW else ""


def dangling(images: Iterable[ImageState], used: frozenset[str]) -> list[ImageState]:
    """Images without a tag or a digest that no container was made from."""
    return [image for image in images if not (image.tags or image.digests or image.id in used)]


def _reclaimable(observation: Observation) -> Iterable[CheckupFinding]:
    used = frozenset(one.image_id for one in observation.containers)
    left = dangling(observation.images, used)
    in_images = sum(image.size_bytes for image in left)
    cache = observation.build_cache_bytes or 0
    if in_images + cache < GIB:
        return
    evidence = [engine(f"{len(left)} images without a tag, up to {size(in_images)}")]
    if cache:
        evidence.append(engine(f"build cache that nobody uses: {size(cache)}"))
    yield of_node(
        "storage.reclaimable",
        "info",
        f"up to {size(in_images + cache)} are taken by images and build cache that nobody uses",
        *evidence,
    )


def _unused_volumes(observation: Observation) -> Iterable[CheckupFinding]:
    used = {mount.name for one in observation.containers for mount in one.mounts}
    left = sorted(
        volume.name
        for volume in observation.volumes
        if volume.name not in used and volume.name != OWNER_VOLUME
    )
    if not left:
        return
    sizes = [observation.volume_bytes[name] for name in left if name in observation.volume_bytes]
    taken = f", {size(sum(sizes))}" if sizes else ""
    many = len(left) > 1
    yield of_node(
        "storage.unused-volumes",
        "info",
        f"{len(left)} volume{'s belong' if many else ' belongs'} to no container{taken}",
        engine(named(name if len(name) < 64 else name[:12] for name in left)),
    )


RULES: tuple[Check, ...] = (
    each(
        "storage.log-unbounded",
        _unbounded_log,
        explain="The engine keeps all that the container writes, in one file without a limit.",
        advice=(
            'Set `logging: {options: {max-size: 10m, max-file: "3"}}`, or once for all in'
            " /etc/docker/daemon.json; containers must be created anew for it."
        ),
    ),
    Check(
        code="storage.volume-shared",
        check=_shared_volume,
        explain="Two containers write to the same volume, and nothing orders what they do.",
        advice="Give each its own, or mount it read-only where it is only read.",
    ),
    Check(
        code="storage.engine-root-full",
        check=_root_full,
        explain="The file system of images, containers, logs and volumes is full, or nearly.",
        advice="Free space: logs, unused images (`docker image prune`), the build cache.",
    ),
    Check(
        code="storage.inodes-full",
        check=_inodes_full,
        explain="The file system can hold no more files, though there may be room.",
        advice="Find folders with very many small files (`du --inodes -x / | sort -n | tail`).",
    ),
    Check(
        code="storage.reclaimable",
        check=_reclaimable,
        explain="The engine keeps what was built or pulled and is not used any more.",
        advice="`docker image prune` and `docker builder prune`; neither touches volumes.",
    ),
    Check(
        code="storage.unused-volumes",
        check=_unused_volumes,
        explain="Volumes stay when their containers go; some hold data, some are left over.",
        advice="Look into each before you remove it: it may hold the only copy of something.",
    ),
)
