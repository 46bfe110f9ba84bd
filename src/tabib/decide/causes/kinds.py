"""What a figure is of, by its name: what it says of its service, and which way trouble spreads."""

from __future__ import annotations

import re
from functools import lru_cache

CPU, MEMORY, HELD, DISK, NETWORK = "cpu", "memory", "held", "disk", "network"
LATENCY, ERROR, SUCCESS, LOAD = "latency", "error", "success", "load"
PRESSURE, OTHER = "pressure", "other"

OWN = frozenset({CPU, MEMORY, HELD, DISK})
"""What a service uses of the machine: nobody else uses it up in its name."""
UPWARD = frozenset({LATENCY, ERROR, SUCCESS})
"""What callers suffer as well: their callee's trouble explains it."""
DEMAND = frozenset({LOAD, NETWORK})
"""What callers bring about."""

_WORDS = (
    (PRESSURE, r"pressure|throttl|iowait|stolen|psi$"),
    (MEMORY, r"oom|memory.?fail|mem.?failcnt"),
    (SUCCESS, r"availab|success|uptime|^up$|healthy"),
    (ERROR, r"err(?!and)|fail|exception|fault|5xx|4xx|drop|abort|reject|timeout|retrans|refus"),
    (LATENCY, r"latenc|duration|delay|response.?time|resp.?time|(^|[^a-z])rt($|[^a-z])|lag"
              r"|(^|[^a-z0-9])p\d\d|elapsed|(^|[^a-z])seconds(_sum)?$|mrt"),
    (CPU, r"cpu|processor"),
    (MEMORY, r"mem|heap|rss|swap"),
    (HELD, r"descriptor|open.?file|thread|process|connection|socket|pids"
           r"|queue|backlog|(^|[^a-z])fds?($|[^a-z])|goroutine|pool"),
    (DISK, r"disk|(^|[^a-z])fs($|[^a-z])|block|iops|(^|[^a-z])io($|[^a-z])|write|written|blkio"
           r"|(^|[^a-z])reads?($|[^a-z])"),
    (NETWORK, r"network|(^|[^a-z])net($|[^a-z])|(^|[^a-z])[rt]x($|[^a-z])|receive|transmi|packet"),
    (LOAD, r"load|request|rps|qps|throughput|rate|calls|invocation|traffic|hits|count|volume"),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(words)) for kind, words in _WORDS)

_RISES = {
    CPU: 1.0,
    MEMORY: 1.0,
    HELD: 0.95,
    DISK: 0.95,
    NETWORK: 0.75,
    LATENCY: 0.9,
    ERROR: 0.9,
    SUCCESS: 0.3,
    LOAD: 0.7,
    PRESSURE: 0.8,
    OTHER: 0.8,
}
_FALLS = {
    CPU: 0.4,
    MEMORY: 0.45,
    HELD: 0.45,
    DISK: 0.4,
    NETWORK: 0.45,
    LATENCY: 0.4,
    ERROR: 0.3,
    SUCCESS: 0.9,
    LOAD: 0.5,
    PRESSURE: 0.2,
    OTHER: 0.6,
}


@lru_cache(maxsize=4096)
def kind_of(metric: str) -> str:
    """The kind of a figure called ``metric``, in whatever style it is written."""
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", metric).lower()
    return next((kind for kind, words in _PATTERNS if words.search(name)), OTHER)


def says(kind: str, rises: bool) -> float:
    """0…1: how much a change of it in that direction speaks of a cause, not of a consequence."""
    return (_RISES if rises else _FALLS)[kind]
