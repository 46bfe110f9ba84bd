"""What the engine itself measures: a container's stream of figures, and sizes on its disk.

Source: Engine API ``ContainerStats`` and ``SystemDataUsage`` (1.41 to 1.51). The engine passes on
what its kernel's control groups say, so the two versions of those look different.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from tabib.engines.docker.call import PROBE_DEADLINE_S, Call, segment
from tabib.engines.docker.gateway import ApiVersion, Gateway
from tabib.engines.docker.states import parse_time
from tabib.engines.docker.streams import lines
from tabib.model.container import Sizes
from tabib.model.metrics import CONTAINER, INTERFACE
from tabib.model.sample import Values

Json = Mapping[str, Any]

SIZES_DEADLINE_S = 900.0
"""The engine walks every file of every volume."""
_KINDS_SINCE: ApiVersion = (1, 42)
_SILENCE_S = 30.0
"""A reading comes each second; so long without one, the connection is taken for lost."""
_NETWORK = (
    "rx_bytes", "tx_bytes", "rx_packets", "tx_packets",
    "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
)  # fmt: skip


async def stats(
    gateway: Gateway, container: str
) -> AsyncIterator[tuple[Values, Mapping[str, Values]]]:
    """See :meth:`tabib.ports.Engine.stats`. One reading is held at a time.

    Of a container that does not run the engine sends empty readings for ever: they end it.
    """
    asked = Call(attempted="ask how much memory the engine has", target=container)
    memory_bytes = int((await gateway.get(asked, "/info")).get("MemTotal") or 0)
    call = Call(attempted="read figures", target=container, deadline_s=PROBE_DEADLINE_S)
    request = ("GET", f"/containers/{segment(container)}/stats")
    async with gateway.stream(call, request, params={"stream": "1"}) as response:
        found = lines(response.content.iter_any())
        while True:
            async with asyncio.timeout(_SILENCE_S):
                line = await anext(found, b"")
            reading = msgspec.json.decode(line) if line else {}
            if parse_time(reading.get("read")) is None:
                return
            yield translate(reading, memory_bytes)


async def sizes(gateway: Gateway) -> Sizes:
    """See :meth:`tabib.ports.Engine.sizes`."""
    call = Call(attempted="ask for sizes", deadline_s=SIZES_DEADLINE_S)
    # older engines walk the images too
    path = "/system/df"
    if gateway.api >= _KINDS_SINCE:
        path += "?type=container&type=volume"
    answer = await gateway.get(call, path)
    layers = {row["Id"]: int(row.get("SizeRw") or 0) for row in answer.get("Containers") or ()}
    volumes = {}
    for row in answer.get("Volumes") or ():
        size = (row.get("UsageData") or {}).get("Size")
        if size is not None and size >= 0:
            volumes[row["Name"]] = int(size)
    return Sizes(writable_layers=layers, volumes=volumes)


def translate(reading: Json, memory_bytes: int) -> tuple[Values, Mapping[str, Values]]:
    """One reading → values of ``metrics.CONTAINER``, and by interface of ``metrics.INTERFACE``.

    ``memory_bytes``: all memory of the engine's machine; a limit as high as that is none.
    """
    networks = {
        str(name): tuple(int(figures.get(key) or 0) for key in _NETWORK)
        for name, figures in (reading.get("networks") or {}).items()
    }
    memory = reading.get("memory_stats") or {}
    found = {
        **_cpu(reading.get("cpu_stats") or {}),
        **_memory(memory, memory_bytes),
        **_block(reading.get("blkio_stats") or {}),
        "threads": (reading.get("pids_stats") or {}).get("current"),
    }
    if networks:
        sums = map(sum, zip(*networks.values(), strict=True))
        found |= dict(zip((metric.name for metric in INTERFACE), sums, strict=True))
    return tuple(found.get(metric.name) for metric in CONTAINER), networks


def _cpu(cpu: Json) -> dict[str, int | None]:
    """Nanoseconds → microseconds."""
    usage = cpu.get("cpu_usage") or {}
    throttling = cpu.get("throttling_data") or {}
    return {
        "cpu_us": _microseconds(usage.get("total_usage")),
        "cpu_user_us": _microseconds(usage.get("usage_in_usermode")),
        "cpu_system_us": _microseconds(usage.get("usage_in_kernelmode")),
        "cpu_throttled_us": _microseconds(throttling.get("throttled_time")),
        "cpu_periods": throttling.get("periods"),
        "cpu_throttled_periods": throttling.get("throttled_periods"),
    }


def _microseconds(nanoseconds: int | None) -> int | None:
    return None if nanoseconds is None else int(nanoseconds) // 1000


def _memory(memory: Json, memory_bytes: int) -> dict[str, int | None]:
    """Control groups of version 1 have ``total_…`` (and ``failcnt`` when it is not 0); those of
    version 2 ``anon`` and ``file``, and neither failures nor kills."""
    detail, usage = memory.get("stats") or {}, memory.get("usage")
    first = "total_rss" in detail
    inactive = detail.get("total_inactive_file" if first else "inactive_file")
    limit = memory.get("limit")
    return {
        "memory_bytes": usage,
        "memory_working_set_bytes": (
            None if usage is None or inactive is None else max(0, usage - inactive)
        ),
        "memory_rss_bytes": detail.get("total_rss" if first else "anon"),
        "memory_cache_bytes": detail.get("total_cache" if first else "file"),
        "memory_swap_bytes": detail.get("total_swap") if first else None,
        "memory_limit_bytes": limit if limit and limit < memory_bytes else None,
        "memory_failures": int(memory.get("failcnt") or 0) if first else None,
    }


def _block(block: Json) -> dict[str, int | None]:
    """Lists by device and direction; ``Read`` in version 1, ``read`` in version 2, and null where
    the engine does not know."""
    found: dict[str, int | None] = {}
    for key, read, written in (
        ("io_service_bytes_recursive", "block_read_bytes", "block_written_bytes"),
        ("io_serviced_recursive", "block_reads", "block_writes"),
    ):
        entries = block.get(key)
        if entries is not None:
            found[read] = _of(entries, "read")
            found[written] = _of(entries, "write")
    return found


def _of(entries: Sequence[Json], direction: str) -> int:
    return sum(int(e.get("value") or 0) for e in entries if str(e.get("op")).lower() == direction)
