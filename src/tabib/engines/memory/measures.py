"""Figures of the memory engine's containers: made up, but as an engine's behave.

Counters grow with the time that a container runs, from numbers that follow from its id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from tabib.engines.memory.records import ContainerRecord, Files
from tabib.engines.memory.world import World
from tabib.model.container import Sizes
from tabib.model.metrics import CONTAINER, INTERFACE
from tabib.model.sample import Values

INTERVAL_S = 1.0
_MEBIBYTE = 1024 * 1024
_LOOPBACK_ONLY = ("none", "host")


async def stats(
    world: World, record: ContainerRecord
) -> AsyncIterator[tuple[Values, Mapping[str, Values]]]:
    """A reading each second of this life of the container."""
    life = record.life
    while record.alive and record.life == life:
        yield reading(world, record)
        await world.clock.sleep(INTERVAL_S)


def reading(world: World, record: ContainerRecord) -> tuple[Values, Mapping[str, Values]]:
    """What an engine would measure now."""
    seed = int(record.id[:4], 16)
    started = record.started_at or world.clock.now()
    ran_s = (world.clock.now() - started).total_seconds()
    cpu_us = 20_000 + int(ran_s * (200 + seed % 800))
    memory_bytes = (1 + seed % 16) * _MEBIBYTE
    limit = int(record.host_config.get("Memory") or 0)
    networks = _networks(record, ran_s)
    found: dict[str, int | None] = {
        "cpu_us": cpu_us,
        "cpu_user_us": cpu_us // 2,
        "cpu_system_us": cpu_us - cpu_us // 2,
        "cpu_throttled_us": 0,
        "cpu_periods": 0,
        "cpu_throttled_periods": 0,
        "memory_bytes": memory_bytes,
        "memory_working_set_bytes": memory_bytes * 3 // 4,
        "memory_rss_bytes": memory_bytes // 2,
        "memory_cache_bytes": memory_bytes // 2,
        "memory_limit_bytes": limit or None,
        "memory_failures": 0,
        "block_read_bytes": 0,
        "block_written_bytes": 0,
        "block_reads": 0,
        "block_writes": 0,
        "threads": 1,
    }
    if networks:
        sums = map(sum, zip(*networks.values(), strict=True))
        found |= dict(zip((metric.name for metric in INTERFACE), sums, strict=True))
    return tuple(found.get(metric.name) for metric in CONTAINER), networks


def _networks(record: ContainerRecord, ran_s: float) -> dict[str, tuple[int, ...]]:
    packets = 7 + int(ran_s / 10)
    attached = [a for a in record.attachments if a.live and a.name not in _LOOPBACK_ONLY]
    return {
        f"eth{number}": (packets * 90, 0, packets, 0, 0, 0, 0, 0)
        for number, _ in enumerate(attached)
    }


def sizes(world: World) -> Sizes:
    """Of the files that were put in."""
    return Sizes(
        writable_layers={record.id: _size(record.files) for record in world.containers.values()},
        volumes={volume.name: _size(volume.files) for volume in world.volumes.values()},
    )


def _size(files: Files) -> int:
    return sum(len(node.content) for node in files.values())
