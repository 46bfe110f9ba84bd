"""``node.*`` and ``io.*``: the machine itself is short of something."""

from __future__ import annotations

from tabib.decide.diagnose import figures
from tabib.decide.diagnose.rule import DEATHS, Rule
from tabib.model.incident import Case, Evidence, Finding

_WINDOW_S = 8.0
_LONG_S = 30.0
_BUSY = 0.95
"""Share of all processors in use from which on others wait."""
_AVAILABLE = 0.04
_SWAPPED = 0.5
_WAITS = 0.3
"""Share of the time in which something waited for a disk, or for memory."""
_SLOW = ("health.timeout", "health.unhealthy", "network.timeout")


def _touched(case: Case) -> bool:
    return case.trigger == "unhealthy" or case.trigger in DEATHS


def _overloaded(case: Case) -> Finding | None:
    """Others take the processors; a container that is busy itself is another matter."""
    if case.trigger != "unhealthy":
        return None
    cpus = figures.last(figures.node(case), "cpus")
    used = figures.per_second(figures.node(case), "cpu_us", _LONG_S)
    mine = figures.per_second(figures.container(case), "cpu_us", _WINDOW_S)
    if not cpus or used is None or mine is None or used < _BUSY * cpus * 1e6:
        return None
    if mine > 0.5 * used:
        return None
    text = f"{used / 1e6:.1f} of {cpus} processors in use, {mine / 1e6:.2f} by this container"
    return _found("node.cpu", "the machine's processors are all in use by others", text)


def _memory(case: Case) -> Finding | None:
    node = figures.node(case)
    total = figures.last(node, "memory_total_bytes")
    left = figures.last(node, "memory_available_bytes")
    if not _touched(case) or not total or left is None or left > _AVAILABLE * total:
        return None
    swap = figures.last(node, "swap_total_bytes") or 0
    swapped = figures.last(node, "swap_used_bytes") or 0
    waited = figures.per_second(node, "memory_pressure_us", _WINDOW_S) or 0
    if swap and swapped < _SWAPPED * swap and waited < _WAITS * 1e6:
        return None
    text = f"{left / 1e6:.0f} of {total / 1e6:.0f} MB available, {swapped / 1e6:.0f} MB swapped out"
    return _found("node.memory", "the machine has no memory left", text)


def _stalled(case: Case) -> Finding | None:
    if case.trigger != "unhealthy":
        return None
    mine = figures.per_second(figures.container(case), "io_pressure_full_us", _WINDOW_S) or 0
    if mine < _WAITS * 1e6:
        return None
    text = f"all its tasks waited {100 * mine / 1e6:.0f} % of the time for disks"
    return _found("io.stall", "it waits for a disk that does not keep up", text)


def _found(code: str, summary: str, text: str) -> Finding:
    evidence = Evidence(source="history", text=text)
    return Finding(code=code, severity="error", summary=summary, evidence=(evidence,))


RULES = (
    Rule(
        code="node.cpu",
        check=_overloaded,
        explain="The machine has more to do than its processors can.",
        advice="Find who takes them (`tabib top`), and limit it with `cpus`, or move it.",
        # A busy machine makes slow what is well; it is rarely why one container alone is sick.
        confidence=0.45,
        restart_helps=False,
    ),
    Rule(
        code="node.memory",
        check=_memory,
        explain="The machine's memory is used up: it swaps, or kills.",
        advice="Find who takes it (`tabib top`); set memory limits, stop what matters least.",
        confidence=0.6,
        restart_helps=False,
        explains=("health.unhealthy", "memory.exhausted"),
    ),
    Rule(
        code="io.stall",
        check=_stalled,
        explain="The disk is slower than what is asked of it; programs stand still meanwhile.",
        advice="Find who reads and writes (`tabib top`), and look at the disk's health.",
        confidence=0.8,
        restart_helps=False,
        explains=_SLOW,
    ),
)
