"""``tabib report``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.moments import parse_moment, until_option
from tabib.cli.options import command
from tabib.cli.output import write_out
from tabib.cli.project import name_or_all
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

_USUAL = "7d"
_ENDINGS = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".json": "json"}


@command(
    "report",
    examples=(
        "tabib report 7f3a                      an incident, as text for an issue or a chat",
        "tabib report 7f3a -o 7f3a.html         the same as a page, with charts",
        "tabib report --project shop --since 7d its week: what broke, how long, what to do first",
        "tabib report --all -o week.html        of all projects",
    ),
)
@click.argument("incident_id", metavar="[ID]", required=False, default="")
@click.option("--project", metavar="NAME", help="Sum up this project's days. Usually the one here.")
@click.option("every", "--all", "-a", is_flag=True, help="Sum up the days of all projects.")
@click.option("--since", metavar="TIME",
              help=f"From then on: 12h, 7d or 2026-01-31T08:00:00Z. Usually {_USUAL}.")  # fmt: skip
@until_option
@click.option("form", "--format", type=click.Choice(("html", "md", "json")),
              help="Usually as FILE ends, else md.")  # fmt: skip
@click.option("out", "--output", "-o", metavar="FILE", help="Write to FILE (- prints it).")
@click.option("as_json", "--json", is_flag=True, help="The same as --format json.")
@click.pass_obj
def report(
    settings: Settings,
    incident_id: str,
    project: str | None,
    every: bool,
    since: str | None,
    until: str | None,
    form: str | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Make a report: of one incident, or of what happened in some days.

    ID may be shortened as long as it is unambiguous.
    """
    if incident_id and (project or every or since or until):
        raise UsageError(
            "an incident's ID, and --project, --all, --since, --until exclude each other"
        )
    if project and every:
        raise UsageError("--project and --all exclude each other")
    if as_json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form} exclude each other")
    form = "json" if as_json else form or _by_name(out or "")
    path, query = f"/v1/incidents/{quote(incident_id, safe='')}/report", {"format": form}
    if not incident_id:
        now = datetime.now(UTC)
        path = "/v1/report"
        query |= {
            "project": "" if every else project or name_or_all(settings),
            "since": parse_moment(since or _USUAL, now) or "",
            "until": parse_moment(until, now) or "",
        }
    with connect(settings) as client:
        text = client.text(path, query)
    if form == "json":
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    write_out(out or "-", text, Console(settings.ansi))


def _by_name(out: str) -> str:
    ending = out[out.rfind(".") :].lower() if "." in out else ""
    return _ENDINGS.get(ending, "md")
