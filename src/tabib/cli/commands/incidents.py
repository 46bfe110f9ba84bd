"""``tabib incidents`` and ``tabib incident``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.moments import parse_moment
from tabib.cli.options import command, json_option
from tabib.cli.project import name_or_all
from tabib.cli.render.incident import incident_page, incident_table
from tabib.cli.render.units import parse_time
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings
from tabib.model.errors import NotFound, UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client

RECENT = timedelta(days=7)


@command(
    "incidents",
    examples=(
        "tabib incidents               open ones and those of the last week",
        "tabib incidents --since 2h    what began within the last two hours",
        "tabib incidents --all         every one that is remembered",
        "tabib incidents --project shop --json",
    ),
)
@click.option("show_all", "--all", "-a", is_flag=True, help="Older ones too.")
@click.option("--project", metavar="NAME", help="Of this project; usually the one here, or all.")
@click.option(
    "--since", metavar="TIME", help="Begun from then on: 10m, 1h30m or 2026-01-31T08:00:00Z."
)
@click.option("--quiet", "-q", is_flag=True, help="Ids only.")
@json_option
@click.pass_obj
def incidents(
    settings: Settings,
    show_all: bool,
    project: str | None,
    since: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """List what went wrong, what was done about it, and whether it helped. What another one
    explains stands under it."""
    name = project or name_or_all(settings)
    query = {
        "project": name or None,
        "all": True,
        "since": parse_moment(since, datetime.now(UTC)),
    }
    with connect(settings) as client:
        rows = client.get("/v1/incidents", query)
    if not (show_all or since):
        rows = recent(rows, datetime.now(UTC))
    console = Console(settings.ansi)
    if as_json:
        console.json(rows)
    elif quiet:
        for row in rows:
            console.line(str(row["id"]))
    elif not rows:
        console.say("no incidents" + (f" in {name}" if name else ""))
    else:
        for line in incident_table(rows, console):
            console.line(line)


def recent(rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    """Those that still want attention, and those that opened within :data:`RECENT`."""
    return [
        row
        for row in rows
        if row.get("outcome") in ("open", "needs_human")
        or (row.get("outcome") == "mitigated" and row.get("closed_by") != "user")
        or (opened := parse_time(row.get("opened_at"))) is None
        or now - opened < RECENT
    ]


@command(
    "incident",
    examples=(
        "tabib incident 7f3a          what broke, why, what tabib did, what is left",
        "tabib incident 7f3a --treat  do what it offers, and see whether it helps",
        "tabib incident 7f3a --undo   take the last treatment back",
        'tabib incident 7f3a --close --reason "known, fixed in 2.1"',
    ),
)
@click.argument("incident_id", metavar="ID")
@click.option("--treat", is_flag=True, help="Do what is offered, and see whether it helps.")
@click.option("--undo", is_flag=True, help="Take the last treatment back, where that is possible.")
@click.option("--close", is_flag=True, help="Close it, and what it explains, as they are.")
@click.option("--reason", metavar="TEXT", default="", help="Why it is closed (with --close).")
@click.option("--case", "as_case", is_flag=True, help="The sealed case file, as JSON.")
@json_option
@click.pass_obj
def incident(
    settings: Settings,
    incident_id: str,
    treat: bool,
    undo: bool,
    close: bool,
    reason: str,
    as_case: bool,
    as_json: bool,
) -> None:
    """Explain one incident, or do something about it. ID may be shortened as long as it is
    unambiguous."""
    if treat + undo + close + as_case > 1:
        raise UsageError(
            "--treat, --undo, --close and --case exclude each other",
            attempted="read the options of",
            target="tabib incident",
            advice="Give one of them.",
        )
    if reason and not close:
        raise UsageError(
            "--reason goes with --close",
            attempted="read the options of",
            target="tabib incident",
            advice="Add --close, or leave --reason out.",
        )
    path = f"/v1/incidents/{quote(incident_id, safe='')}"
    with connect(settings) as client:
        if treat or undo:
            _carried_out(settings, client, f"{path}/{'treat' if treat else 'undo'}", as_json)
        elif close:
            from tabib.client.encode import encode
            from tabib.model.wire import IncidentRequest

            client.post(f"{path}/close", body=encode(IncidentRequest(by=who(), reason=reason)))
        answer: dict[str, Any] = client.get(path)
    console = Console(settings.ansi)
    if as_case:
        cases = answer.get("cases") or []
        if not cases:
            raise NotFound("it has no case file", attempted="show incident", target=incident_id)
        console.json(cases[0] if len(cases) == 1 else cases)
    elif as_json:
        console.json(answer["incident"])
    else:
        cases, children = answer.get("cases") or [], answer.get("children") or []
        for line in incident_page(answer["incident"], cases, console, children):
            console.line(line)


def _carried_out(settings: Settings, client: Client, path: str, quiet: bool) -> None:
    from tabib.cli.operation import follow, progress_for
    from tabib.client.encode import encode
    from tabib.model.wire import IncidentRequest

    progress = progress_for(settings, quiet=quiet)
    follow(client, path, encode(IncidentRequest(by=who())), progress)
