"""``cpu.*``: what the flight recorder's samples tell of the processor."""

from __future__ import annotations

from tabib.decide.diagnose import figures
from tabib.decide.diagnose.rule import Rule
from tabib.model.incident import Case, Evidence, Finding

_PERIODS = 50
THROTTLED_SHARE = 0.5
_SPIN_S = 5.0
"""So long one thread has to take its whole processor."""
_WHOLE = (0.85, 1.25)
"""Processors that one thread which never waits is seen to take, a probe beside it included."""
_SHARED = 0.3
"""The least of it on a machine whose processors are all in use."""
_BUSY = 0.9
_QUIET_BYTES = 200_000
"""More than this in a second, from disks or the network, is work."""


def _throttled(case: Case) -> Finding | None:
    if case.trigger != "unhealthy":
        return None
    readings = figures.container(case)
    periods = figures.grown(readings, "cpu_periods")
    held = figures.grown(readings, "cpu_throttled_periods")
    if periods is None or held is None or periods < _PERIODS or held < THROTTLED_SHARE * periods:
        return None
    share = f"{100 * held / periods:.0f} %"
    return Finding(
        code="cpu.throttled",
        severity="warning",
        summary=f"its CPU limit held it up in {share} of the time before",
        evidence=(
            Evidence(source="history", text=f"throttled in {held} of the last {periods} periods"),
        ),
    )


def _spin(case: Case) -> Finding | None:
    """One thread runs without ever waiting, reads and sends nothing, and the check gets no
    answer."""
    if case.trigger != "unhealthy" or _throttled(case) is not None:
        return None
    readings = figures.container(case)
    used = figures.per_second(readings, "cpu_us", _SPIN_S)
    least = _SHARED if _all_in_use(case) else _WHOLE[0]
    if used is None or not least <= used / 1e6 <= _WHOLE[1]:
        return None
    metrics = ("block_read_bytes", "block_written_bytes", "network_sent_bytes")
    moved = [figures.per_second(readings, metric, _SPIN_S) or 0 for metric in metrics]
    if sum(moved) > _QUIET_BYTES:
        return None
    text = f"{used / 1e6:.2f} processors in use, {sum(moved) / 1000:.0f} KB/s read, written or sent"
    return Finding(
        code="cpu.spin",
        severity="error",
        summary="it runs in circles: one thread takes a whole processor and nothing comes of it",
        evidence=(Evidence(source="history", text=text),),
    )


def _all_in_use(case: Case) -> bool:
    cpus = figures.last(figures.node(case), "cpus")
    used = figures.per_second(figures.node(case), "cpu_us", _SPIN_S)
    return bool(cpus) and used is not None and used >= _BUSY * (cpus or 1) * 1e6


RULES = (
    Rule(
        code="cpu.throttled",
        check=_throttled,
        explain="The container wants more processor time than its limit gives.",
        advice="Raise `cpus` (or `deploy.resources.limits.cpus`), or give it less to do.",
        confidence=0.8,
        restart_helps=False,
        explains=("health.timeout", "health.unhealthy", "network.timeout"),
    ),
    Rule(
        code="cpu.spin",
        check=_spin,
        explain="A thread of the program never waits: an endless loop, by all that can be seen.",
        advice="Take a stack of it when it happens again (py-spy, jstack), and find the loop.",
        confidence=0.8,
        explains=("health.timeout", "health.unhealthy", "network.timeout"),
    ),
)
