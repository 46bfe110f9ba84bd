"""What a request to the engine is for, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

PROBE_DEADLINE_S = 15.0
READ_DEADLINE_S = 60.0
"""For calls that only read. Memory pressure has stretched 5 ms to a minute."""
CHANGE_DEADLINE_S = 180.0
"""For calls that change something: create, start, remove."""

PULL = "pull image"
BUILD = "build image"
PUSH = "push image"
CREATE = "create container"
START = "start container"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``attempted`` and ``target`` go into the error; ``deadline_s`` None is for endless ones."""

    attempted: str
    target: str = ""
    deadline_s: float | None = READ_DEADLINE_S


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
