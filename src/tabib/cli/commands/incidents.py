"""``tabib incidents`` and ``tabib incident``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.project import name_or_all
from tabib.cli.render.incident import incident_page, incident_table
from tabib.cli.render.units import parse_time
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import NotFound

RECENT = timedelta(days=7)


@command(
    "incidents",
    examples=(
        "tabib incidents           open ones and those of the last week, here or in all projects",
        "tabib incidents --all     every one that is remembered",
        "tabib incidents --json",
    ),
)
@click.option("show_all", "--all", "-a", is_flag=True, help="Older ones too.")
@click.option("--quiet", "-q", is_flag=True, help="Ids only.")
@json_option
@click.pass_obj
def incidents(settings: Settings, show_all: bool, quiet: bool, as_json: bool) -> None:
    """List what went wrong, what was done about it, and whether it helped."""
    project = name_or_all(settings)
    with connect(settings) as client:
        rows = client.get("/v1/incidents", {"project": project or None, "all": True})
    if not show_all:
        rows = recent(rows, datetime.now(UTC))
    console = Console(settings.ansi)
    if as_json:
        console.json(rows)
    elif quiet:
        for row in rows:
            console.line(str(row["id"]))
    elif not rows:
        console.say("no incidents" + (f" in {project}" if project else ""))
    else:
        for line in incident_table(rows, console):
            console.line(line)


def recent(rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    """Those that still want attention, and those that opened within :data:`RECENT`."""
    return [
        row
        for row in rows
        if row.get("outcome") in ("open", "needs_human", "mitigated")
        or (opened := parse_time(row.get("opened_at"))) is None
        or now - opened < RECENT
    ]


@command(
    "incident",
    examples=(
        "tabib incident 7f3a          what broke, why, what tabib did, what is left",
        "tabib incident 7f3a --case   the sealed evidence, as JSON",
    ),
)
@click.argument("incident_id", metavar="ID")
@click.option("--case", "as_case", is_flag=True, help="The sealed case file, as JSON.")
@json_option
@click.pass_obj
def incident(settings: Settings, incident_id: str, as_case: bool, as_json: bool) -> None:
    """Explain one incident. ID may be shortened as long as it is unambiguous."""
    with connect(settings) as client:
        answer: dict[str, Any] = client.get(f"/v1/incidents/{quote(incident_id, safe='')}")
    console = Console(settings.ansi)
    if as_case:
        cases = answer.get("cases") or []
        if not cases:
            raise NotFound("it has no case file", attempted="show incident", target=incident_id)
        console.json(cases[0] if len(cases) == 1 else cases)
    elif as_json:
        console.json(answer["incident"])
    else:
        for line in incident_page(answer["incident"], answer.get("cases") or [], console):
            console.line(line)
