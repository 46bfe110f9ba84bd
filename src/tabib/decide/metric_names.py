"""Which metrics a person means: short words for groups, and the names themselves."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tabib.model.errors import UsageError
from tabib.model.metrics import METRICS

_NETWORK = ("network_received_bytes", "network_sent_bytes")
_BLOCK = ("block_read_bytes", "block_written_bytes")
WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "container": {
        "cpu": ("cpu_us",),
        "throttled": ("cpu_throttled_us",),
        "memory": ("memory_working_set_bytes",),
        "network": _NETWORK,
        "disk": _BLOCK,
        "processes": ("processes",),
        "restarts": ("restarts",),
        "oom": ("oom_kills",),
        "pressure": ("cpu_pressure_us", "memory_pressure_us", "io_pressure_us"),
        "logs": ("log_bytes",),
    },
    "node": {
        "cpu": ("cpu_us",),
        "iowait": ("cpu_iowait_us",),
        "memory": ("memory_available_bytes",),
        "swap": ("swap_used_bytes",),
        "load": ("load_1m_hundredths",),
        "network": _NETWORK,
        "disk": _BLOCK,
        "processes": ("processes",),
        "oom": ("oom_kills",),
        "pressure": ("cpu_pressure_us", "memory_pressure_us", "io_pressure_us"),
    },
}
"""Kind of subject → word → metrics."""
USUAL: dict[str, tuple[str, ...]] = {
    "container": ("cpu", "memory", "network", "disk", "processes", "restarts", "oom"),
    "node": ("cpu", "memory", "load", "network", "disk", "processes"),
}


def chosen(kind: str, words: Sequence[str]) -> tuple[str, ...]:
    """The metrics that ``words`` name (``cpu``, ``memory_rss_bytes``); none given: the usual ones.

    :raises UsageError: there is no such metric; says which is nearest.
    """
    found: dict[str, None] = {}
    for word in words or USUAL[kind]:
        for name in _of(kind, word):
            found[name] = None
    return tuple(found)


def _of(kind: str, word: str) -> tuple[str, ...]:
    names = [metric.name for metric in METRICS[kind]]
    if word in WORDS[kind]:
        return WORDS[kind][word]
    if word in names:
        return (word,)
    near = difflib.get_close_matches(word, [*WORDS[kind], *names], n=1)
    raise UsageError(
        f"a {kind} has no such metric",
        attempted="show metric",
        target=word,
        advice=f"Did you mean {near[0]}?" if near else f"There are: {', '.join(WORDS[kind])}, …",
        details={"metrics": [*WORDS[kind], *names]},
    )
