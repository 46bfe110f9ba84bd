"""Values of metrics in words and with units."""

from __future__ import annotations

from tabib.model.metrics import COUNTER, METRICS
from tabib.model.units import size

TITLES = {
    "cpu_us": "CPU",
    "cpu_user_us": "CPU in user mode",
    "cpu_system_us": "CPU in the kernel",
    "cpu_iowait_us": "CPU waiting for disks",
    "cpu_stolen_us": "CPU stolen",
    "cpu_throttled_us": "held up by the CPU limit",
    "memory_working_set_bytes": "memory (working set)",
    "memory_rss_bytes": "memory (anonymous)",
    "memory_cache_bytes": "page cache",
    "memory_available_bytes": "memory available",
    "network_received_bytes": "network received",
    "network_sent_bytes": "network sent",
    "block_read_bytes": "disk read",
    "block_written_bytes": "disk written",
    "load_1m_hundredths": "load, 1 minute",
    "load_5m_hundredths": "load, 5 minutes",
    "load_15m_hundredths": "load, 15 minutes",
    "log_bytes": "log output",
}
_CORES = frozenset({"cpu_us", "cpu_user_us", "cpu_system_us", "cpu_iowait_us", "cpu_stolen_us"})
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def title(metric: str) -> str:
    known = TITLES.get(metric)
    if known:
        return known
    return metric.removesuffix("_us").removesuffix("_bytes").replace("_", " ")


def is_counter(kind: str, metric: str) -> bool:
    return any(one.name == metric and one.kind == COUNTER for one in METRICS.get(kind, ()))


def shown(kind: str, metric: str, unit: str, value: float) -> str:
    """``0.42 cores``, ``12.3 MB``, ``4.1 kB/s``, ``35 %``, ``7``; counters are per second."""
    counter = is_counter(kind, metric)
    if unit == "us":
        return f"{plain(value / 1e6)} cores" if metric in _CORES else f"{plain(value / 1e4)} %"
    if unit == "bytes":
        return size(value) + ("/s" if counter else "")
    if metric.endswith("_hundredths"):
        return plain(value / 100)
    return plain(value) + ("/s" if counter else "")


def plain(value: float) -> str:
    """A number with as many digits as tell something."""
    if value == 0 or value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def ceiling(unit: str, metric: str, highest: float) -> float:
    """A round value at or above ``highest`` for the top of an axis; never zero."""
    scale = 1e6 if unit == "us" and metric in _CORES else 1.0
    if metric.endswith("_hundredths"):
        scale = 100.0
    least = 1.0 if unit != "us" and scale == 1.0 else 0.01
    value = max(highest / scale, least)
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= value * 0.999999) * scale
