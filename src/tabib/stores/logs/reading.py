"""Questions to the kept lines; each runs on a reader, sees one moment of the file, and opens the
newest blocks first."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from tabib.model.kept_log import KeptLine, LogPattern
from tabib.stores.logs.blocks import STREAMS, Row, Stretch, matching
from tabib.stores.logs.words import Search
from tabib.stores.rows import from_us, one, to_us

_ALWAYS = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which lines: of one engine, of these containers (None: of all), within a time, both ends
    included."""

    engine_id: str
    containers: Sequence[str] | None = None
    since_us: int = -_ALWAYS
    until_us: int = _ALWAYS
    limit: int | None = None

    @classmethod
    def of(
        cls,
        engine_id: str,
        containers: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Window:
        return cls(
            engine_id=engine_id,
            containers=containers,
            since_us=-_ALWAYS if since is None else to_us(since),
            until_us=_ALWAYS if until is None else to_us(until),
            limit=limit,
        )

    def holds(self, engine_id: str, container_id: str, at: datetime) -> bool:
        return (
            engine_id == self.engine_id
            and (self.containers is None or container_id in self.containers)
            and self.since_us <= to_us(at) <= self.until_us
        )


_Hit = tuple[int, int, int, int, Row]
"""Time, block, place in it, container, line: sorts by time, equal times by arrival."""


def tail(base: apsw.Connection, window: Window) -> list[KeptLine]:
    """Lines by time; ``limit`` of each container."""
    with base:
        names = _names(base, window)
        hits: list[_Hit] = []
        for number in names:
            hits += _newest(base, _stretches(base, window, number), window, Search())
    return _lines(window, names, hits)


def search(base: apsw.Connection, window: Window, wanted: Search) -> list[KeptLine]:
    """Lines that match; ``limit`` of all together."""
    with base:
        names = _names(base, window)
        query = wanted.query()
        if query:
            stretches = _stretches_of_words(base, window, query)
        else:
            stretches = _stretches(base, window, None)
        chosen = [stretch for stretch in stretches if stretch.container in names]
        hits = _newest(base, chosen, window, wanted)
    return _lines(window, names, hits)


def patterns(base: apsw.Connection, window: Window) -> list[LogPattern]:
    """Seen since then, most frequent first."""
    names = _names(base, window)
    rows = base.execute(
        "SELECT container, template, level, example, count, first_us, last_us FROM pattern "
        "WHERE last_us >= ? ORDER BY count DESC, last_us DESC, template",
        (window.since_us,),
    )
    found: list[LogPattern] = []
    for number, template, level, example, count, first_us, last_us in rows:
        if number not in names:
            continue
        found.append(
            LogPattern(
                engine_id=window.engine_id,
                container_id=names[number],
                template=template,
                level=level,
                example=example,
                count=count,
                first_at=from_us(first_us),
                last_at=from_us(last_us),
            )
        )
        if len(found) == window.limit:
            break
    return found


def _names(base: apsw.Connection, window: Window) -> dict[int, str]:
    """Number → id of the containers that are asked for."""
    rows = base.execute(
        "SELECT number, container_id FROM container WHERE engine_id = ?", (window.engine_id,)
    )
    wanted = None if window.containers is None else set(window.containers)
    return {number: name for number, name in rows if wanted is None or name in wanted}


def _stretches(base: apsw.Connection, window: Window, container: int | None) -> list[Stretch]:
    """Newest first."""
    of_one = "" if container is None else "container = ? AND "
    rows = base.execute(
        f"SELECT id, container, first_us, last_us FROM block WHERE {of_one}last_us >= ? "
        "AND first_us <= ? ORDER BY last_us DESC, id DESC",
        (*(() if container is None else (container,)), window.since_us, window.until_us),
    )
    return [Stretch(*row) for row in rows]


def _stretches_of_words(base: apsw.Connection, window: Window, query: str) -> list[Stretch]:
    """Those that may hold these words: by the index, and all that are not sealed yet."""
    rows = base.execute(
        "SELECT id, container, first_us, last_us FROM block WHERE (sealed = 0 OR id IN "
        "(SELECT rowid FROM words WHERE words MATCH ?)) AND last_us >= ? AND first_us <= ? "
        "ORDER BY last_us DESC, id DESC",
        (query, window.since_us, window.until_us),
    )
    return [Stretch(*row) for row in rows]


def _newest(
    base: apsw.Connection,
    stretches: Sequence[Stretch],
    window: Window,
    wanted: Search,
) -> list[_Hit]:
    """The newest ``limit`` lines of blocks that are given newest first: a block is only opened
    where it can hold one of them."""
    hits: list[_Hit] = []
    limit = _ALWAYS if window.limit is None else window.limit
    for stretch in stretches if limit > 0 else ():
        if len(hits) >= limit and stretch.last_us < hits[0][0]:
            break
        for hit in _hits(base, stretch, window, wanted):
            if len(hits) < limit:
                heapq.heappush(hits, hit)
            else:
                heapq.heappushpop(hits, hit)
    return hits


def _hits(base: apsw.Connection, stretch: Stretch, window: Window, wanted: Search) -> list[_Hit]:
    data, sealed = one(base, "SELECT data, sealed FROM block WHERE id = ?", (stretch.id,))
    return [
        (row.us, stretch.id, place, stretch.container, row)
        for place, row in matching(data, bool(sealed), wanted)
        if window.since_us <= row.us <= window.until_us
    ]


def _lines(window: Window, names: dict[int, str], hits: list[_Hit]) -> list[KeptLine]:
    hits.sort(key=lambda hit: hit[:3])
    return [
        KeptLine(
            engine_id=window.engine_id,
            container_id=names[container],
            at=from_us(row.us),
            stream=STREAMS[row.stream],
            text=row.text,
        )
        for _, _, _, container, row in hits
    ]
