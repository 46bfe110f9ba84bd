"""Log lines with coloured prefixes, in the order of their times. Pure but for the colours."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tabib.cli.console import paint

_PALETTE = ("cyan", "yellow", "green", "magenta", "blue")
_REORDER_LINES = 10_000
"""Lines held to bring several containers' lines into order; more than that streams through."""


def in_time_order(lines: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The lines sorted by ``at``, stable, within a window of :data:`_REORDER_LINES`.

    Lines of one container keep their order even where their times do not.
    """
    heap: list[tuple[str, int, Mapping[str, Any]]] = []
    latest: dict[str, str] = {}
    for number, line in enumerate(lines):
        source = str(line.get("container") or "")
        key = max(sort_key(str(line.get("at") or "")), latest.get(source, ""))
        latest[source] = key
        heapq.heappush(heap, (key, number, line))
        if len(heap) > _REORDER_LINES:
            yield heapq.heappop(heap)[2]
    while heap:
        yield heapq.heappop(heap)[2]


def sort_key(at: str) -> str:
    """An RFC 3339 UTC time as text that sorts: fractions of a second padded to nanoseconds."""
    seconds, _, fraction = at.removesuffix("Z").removesuffix("+00:00").partition(".")
    return f"{seconds}.{fraction:0<9}"


def label_of(line: Mapping[str, Any], project: str) -> str:
    """``web-1`` for a container of the usual name, else the container's name, as Compose does."""
    container = str(line.get("container") or "")
    return container.removeprefix(f"{project}-") or str(line.get("service") or "")


class LogPrinter:
    """Formats lines; each container keeps its colour, prefixes are as wide as the longest yet."""

    def __init__(
        self,
        project: str,
        *,
        color: bool,
        prefix: bool = True,
        timestamps: bool = False,
        labels: Iterable[str] = (),
    ) -> None:
        self._project = project
        self._color = color
        self._prefix = prefix
        self._timestamps = timestamps
        self._colors: dict[str, str] = {}
        self._width = 0
        for label in labels:
            self._know(label)

    def format(self, line: Mapping[str, Any]) -> str:
        """The line as it is printed, without a line end."""
        text = str(line.get("text") or "")
        if self._timestamps:
            text = f"{line.get('at') or ''} {text}"
        if not self._prefix:
            return text
        label = label_of(line, self._project)
        self._know(label)
        prefix = f"{label:<{self._width}}  | "
        return (paint(prefix, self._colors[label]) if self._color else prefix) + text

    def _know(self, label: str) -> None:
        self._width = max(self._width, len(label))
        self._colors.setdefault(label, _PALETTE[len(self._colors) % len(_PALETTE)])
