"""From readings to what people read: rates of counters, shares, rows of ``top``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.model.metrics import COUNTER, HEALTHS, METRICS, STATES
from tabib.model.sample import Subject, Values

Rates = Mapping[str, float]
"""Metric → its increase per second."""
_US = 1_000_000
_BYTES = "_bytes"


def named(kind: str, values: Values) -> dict[str, int]:
    """The figures that are there, by name."""
    return {
        metric.name: value
        for metric, value in zip(METRICS[kind], values, strict=False)
        if value is not None
    }


def rates(kind: str, before: Values | None, after: Values, elapsed_s: float) -> dict[str, float]:
    """The increase per second of each counter between two readings.

    A counter that fell (its container was restarted) or that was absent has none; neither has any
    where no time passed. Never negative.
    """
    if before is None or elapsed_s <= 0:
        return {}
    found = {}
    for metric, old, new in zip(METRICS[kind], before, after, strict=False):
        if metric.kind == COUNTER and old is not None and new is not None and new >= old:
            found[metric.name] = (new - old) / elapsed_s
    return found


def state_of(figures: Mapping[str, int]) -> str:
    return _word(STATES, figures.get("state"))


def health_of(figures: Mapping[str, int]) -> str:
    return _word(HEALTHS, figures.get("health"))


def _word(words: tuple[str, ...], code: int | None) -> str:
    return words[code] if code is not None and 0 <= code < len(words) else ""


def identity(subject: Subject) -> dict[str, Any]:
    """How every row names its container."""
    return {
        "project": subject.project,
        "service": subject.service,
        "slot": subject.slot,
        "name": subject.name,
        "id": subject.id,
        "image": subject.image,
    }


def container_row(
    subject: Subject, values: Values, rate: Rates, memory_total_bytes: int | None = None
) -> dict[str, Any]:
    """A row of ``top``. ``memory_share`` is of the limit, else of the node's memory."""
    figures = named("container", values)
    working_set = figures.get("memory_working_set_bytes")
    of = figures.get("memory_limit_bytes") or memory_total_bytes
    return {
        **identity(subject),
        "state": state_of(figures),
        "health": health_of(figures),
        "cpu_cores": _rounded(rate.get("cpu_us"), _US),
        "cpu_throttled": _throttled(rate),
        "memory_bytes": figures.get("memory_bytes"),
        "memory_working_set_bytes": working_set,
        "memory_limit_bytes": figures.get("memory_limit_bytes"),
        "memory_share": round(working_set / of, 4) if working_set is not None and of else None,
        **_traffic(rate),
        **{name: figures.get(name) for name in ("processes", "threads", "open_files", "restarts")},
        "oom_kills": figures.get("oom_kills"),
        "writable_layer_bytes": figures.get("writable_layer_bytes"),
        "log_bytes_per_second": _rounded(rate.get("log_bytes")),
        **_pressure(rate),
    }


def absent_row(subject: Subject, state: str = "", health: str = "") -> dict[str, Any]:
    """The row of a container that nothing was read of: every figure is null."""
    row = container_row(subject, (), {})
    return {**row, "state": state, "health": health}


def node_row(name: str, values: Values, rate: Rates) -> dict[str, Any]:
    """The node's part of a tick."""
    figures = named("node", values)
    cpus, total = figures.get("cpus"), figures.get("memory_total_bytes")
    available = figures.get("memory_available_bytes")
    return {
        "name": name,
        "cpus": cpus,
        "cpu_cores": _rounded(rate.get("cpu_us"), _US),
        **{
            f"cpu_{what}_cores": _rounded(rate.get(f"cpu_{what}_us"), _US)
            for what in ("user", "system", "iowait", "stolen")
        },
        **{f"load_{span}": _hundredth(figures.get(f"load_{span}_hundredths"))
           for span in ("1m", "5m", "15m")},
        "memory_total_bytes": total,
        "memory_available_bytes": available,
        "memory_used_bytes": total - available if total and available is not None else None,
        "swap_total_bytes": figures.get("swap_total_bytes"),
        "swap_used_bytes": figures.get("swap_used_bytes"),
        **_traffic(rate),
        "processes": figures.get("processes"),
        "open_files": figures.get("open_files"),
        "oom_kills": figures.get("oom_kills"),
        **_pressure(rate),
    }  # fmt: skip


def disk_row(name: str, values: Values) -> dict[str, Any]:
    """A file system of the node."""
    figures = named("disk", values)
    return {"name": name, **{metric.name: figures.get(metric.name) for metric in METRICS["disk"]}}


def _traffic(rate: Rates) -> dict[str, float | None]:
    names = ("network_received", "network_sent", "block_read", "block_written")
    return {f"{name}_bytes_per_second": _rounded(rate.get(name + _BYTES)) for name in names}


def _pressure(rate: Rates) -> dict[str, float | None]:
    """Shares of the time in which some task waited (Documentation/accounting/psi.rst)."""
    found = {}
    for what in ("cpu", "memory", "io"):
        waited = rate.get(f"{what}_pressure_us")
        found[f"{what}_pressure"] = None if waited is None else min(1.0, round(waited / _US, 4))
    return found


def _throttled(rate: Rates) -> float | None:
    """The share of the periods in which the CPU limit was reached; None without a limit."""
    periods = rate.get("cpu_periods")
    if not periods:
        return None
    return min(1.0, round(rate.get("cpu_throttled_periods", 0.0) / periods, 4))


def _rounded(value: float | None, by: int = 1) -> float | None:
    return None if value is None else round(value / by, 4)


def _hundredth(value: int | None) -> float | None:
    return None if value is None else value / 100
