"""``tabib releases``."""

from __future__ import annotations

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.project import name_of
from tabib.cli.render.table import table
from tabib.cli.render.units import local_time
from tabib.cli.session import connect
from tabib.cli.settings import Settings

_COLORS = {"good": "green", "failed": "red", "pending": "yellow", "adopted": "cyan"}


@command(
    "releases",
    examples=(
        "tabib releases           every deployment of the project here, newest first",
        "tabib -p shop releases --json",
    ),
)
@json_option
@click.pass_obj
def releases(settings: Settings, as_json: bool) -> None:
    """List the deployments of the project: which, when, by whom, and how it went."""
    project = name_of(settings)
    with connect(settings) as client:
        rows = client.get(f"/v1/projects/{project}/releases")
    console = Console(settings.ansi)
    if as_json:
        console.json(rows)
        return
    cells = []
    for row in rows:
        verdict = str(row.get("verdict") or "")
        color = _COLORS.get(verdict, "")
        cells.append(
            (
                str(row.get("number", "")),
                local_time(row.get("created_at")),
                console.paint(verdict, color) if color else verdict,
                str(row.get("by") or ""),
                str(row.get("config_hash") or "")[:12],
                str(row.get("reason") or ""),
            )
        )
    for line in table(("RELEASE", "CREATED", "VERDICT", "BY", "CONFIG", "WHY"), cells):
        console.line(line)
