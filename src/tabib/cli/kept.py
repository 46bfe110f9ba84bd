"""Logs from what was kept: of containers that are gone, searched, or as patterns."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tabib.cli.attach import LogView, print_lines, project_lines
from tabib.cli.console import Console
from tabib.cli.recorded import Row, checked
from tabib.cli.render.logs import in_time_order, sort_key
from tabib.cli.render.table import printable, table
from tabib.cli.render.units import local_time
from tabib.cli.settings import Settings
from tabib.model.errors import NotFound

if TYPE_CHECKING:
    from tabib.client.api import Client


def print_with_gone(client: Client, settings: Settings, view: LogView, missing: NotFound) -> None:
    """The lines of what exists by the engine, of what is gone from what was kept.

    :raises NotFound: ``missing``: nothing was kept either.
    """
    query = {"project": view.project, "all": True}
    existing = client.get("/v1/containers", query) if view.project else []
    kept: list[Row] = []
    living: list[Iterable[Row]] = []
    gone: list[str] = []
    for word in view.services or ("",):
        mine = [row for row in existing if _is(row, word)] if word else existing
        if mine:
            living.append(_living(client, view, mine))
            continue
        rows = list(_kept(client, view, word, missing))
        kept += rows
        gone += [word or view.project] if rows else []
    if not kept and not living:
        raise missing
    if gone:
        verb = "do not exist any more" if len(gone) > 1 else "does not exist any more"
        Console(settings.ansi).say(f"{', '.join(gone)} {verb}: these are the lines that were kept")
    together = [*kept, *(row for rows in living for row in rows)]
    print_lines(in_time_order(together), settings, view)


def _is(row: Row, word: str) -> bool:
    is_id = len(word) >= 4 and str(row.get("id") or "").startswith(word)
    return word in (row.get("service"), row.get("name")) or is_id


def _living(client: Client, view: LogView, containers: Sequence[Row]) -> Iterator[Row]:
    names = {row.get("name") for row in containers}
    services = tuple(dict.fromkeys(str(row.get("service")) for row in containers))
    for row in project_lines(client, view, services):
        if row.get("container") in names:
            yield row


def _kept(client: Client, view: LogView, word: str, missing: NotFound) -> Iterator[Row]:
    query = _query(view, word) | {"limit": view.tail}
    try:
        yield from checked(client.stream("GET", "/v1/kept-logs", query=query))
    except NotFound as error:
        raise missing from error


def _query(view: LogView, word: str) -> dict[str, Any]:
    return {
        "target": word or None,
        "project": view.project or None,
        "since": view.since,
        "until": view.until,
    }


def print_found(client: Client, settings: Settings, view: LogView, search: str) -> None:
    """The kept lines that hold all words of ``search``, of gone containers too."""
    rows: list[Row] = []
    for word in view.services or ("",):
        query = _query(view, word) | {"limit": view.tail, "search": search}
        rows += checked(client.stream("GET", "/v1/kept-logs", query=query))
    rows.sort(key=lambda row: sort_key(str(row.get("at") or "")))
    if rows or view.as_json:
        print_lines(rows, settings, view)
    else:
        Console(settings.ansi).say(f"no line that was kept holds {search!r}")


def print_patterns(client: Client, settings: Settings, view: LogView) -> None:
    """Errors and warnings, those that are alike as one line with their number."""
    rows: list[Row] = []
    for word in view.services or ("",):
        query = _query(view, word)
        rows += client.get("/v1/log-patterns", query)
    rows.sort(key=lambda row: -int(row.get("count") or 0))
    console = Console(settings.ansi)
    if view.as_json:
        json.dump(rows, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    elif not rows:
        console.say("no errors or warnings were seen in the lines that were kept")
    else:
        for line in table(
            ("COUNT", "LEVEL", "CONTAINER", "LAST", "PATTERN"), _cells(rows, console)
        ):
            console.line(line)


def _cells(rows: Sequence[Mapping[str, Any]], console: Console) -> list[tuple[str, ...]]:
    colors = {"error": "red", "fatal": "red", "warning": "yellow"}
    return [
        (
            str(row.get("count")),
            console.paint(str(row.get("level")), colors.get(str(row.get("level")), "")),
            str(row.get("container")) + (" (gone)" if row.get("gone") else ""),
            local_time(row.get("last_at")),
            printable(str(row.get("template") or "")),
        )
        for row in rows
    ]
