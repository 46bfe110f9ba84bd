"""``tabib drill``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tabib.cli.complete import complete_projects, complete_snapshots
from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.project import name_of
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings
from tabib.model.errors import TabibError, UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client


@command(
    "drill",
    examples=(
        "tabib drill                     can the newest copy of this project be restored from?",
        "tabib drill shop --snapshot 4f  a copy that you name",
        "tabib drill --all               every project in care, one after the other",
    ),
)
@click.argument("project", default="", shell_complete=complete_projects)
@click.option(
    "--snapshot",
    metavar="ID",
    default="",
    help="This copy, not the newest.",
    shell_complete=complete_snapshots,
)
@click.option("everything", "--all", "-a", is_flag=True, help="Every project in care.")
@json_option
@click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong.")
@click.pass_obj
def drill(
    settings: Settings, project: str, snapshot: str, everything: bool, as_json: bool, quiet: bool
) -> int | None:
    """Rehearse a restore: into scratch, the real images booted on it, its data checked.

    Nothing that runs is touched, and nothing stays but what was found. Exit code 1: the copy does
    not hold, or its write-ahead log (where `point_in_time` keeps one) does not lead to now.
    """
    if everything and (project or snapshot):
        wrong = "--all goes without PROJECT and --snapshot"
        raise UsageError(wrong, attempted="read the options of", target="tabib drill")
    name = "" if everything else project or name_of(settings)
    console = Console(settings.ansi)
    with connect(settings) as client:
        names = _to_drill(client) if everything else [name]
        if not names:
            console.say("no project in care has a snapshot; `tabib backup` takes one")
        return _drills(settings, client, names, snapshot, as_json=as_json, quiet=quiet)


def _to_drill(client: Client) -> list[str]:
    care = {str(row["project"]) for row in client.get("/v1/projects") if row.get("in_care")}
    copied = {str(row["project"]) for row in client.get("/v1/snapshots")}
    return sorted(care & copied)


def _drills(
    settings: Settings,
    client: Client,
    names: list[str],
    snapshot: str,
    *,
    as_json: bool,
    quiet: bool,
) -> int | None:
    """One project after the other; where one cannot be drilled the others are all the same."""
    from tabib.cli import exit_codes
    from tabib.cli.render.errors import report
    from tabib.cli.render.restore import drilled_lines

    console = Console(settings.ansi)
    rows: list[Any] = []
    worst = 0
    for name in names:
        try:
            row = _one(settings, client, name, snapshot, quiet=quiet or as_json)
        except TabibError as error:
            if len(names) == 1:
                raise
            report(error, settings)
            worst = max(worst, exit_codes.of_error(error))
            if error.kind == "interrupted":
                break
            continue
        rows.append(row)
        drill = row.get("drill") or {}
        # A log that does not hold says nothing of the copy; it is trouble all the same.
        failed = drill.get("outcome") != "passed" or any("NOT OK" in x for x in drill["checks"])
        if failed:
            worst = max(worst, exit_codes.FOUND_TROUBLE)
        if failed or not (quiet or as_json or settings.progress in ("json", "quiet")):
            for line in drilled_lines(row, console):
                console.say(line)
    if as_json:
        console.json(rows)
    return worst or None


def _one(settings: Settings, client: Client, name: str, snapshot: str, *, quiet: bool) -> Any:
    from tabib.cli.operation import follow, progress_for
    from tabib.client.encode import encode
    from tabib.model.wire import DrillRequest

    progress = progress_for(settings, quiet=quiet)
    path = f"/v1/projects/{quote(name, safe='')}/drill"
    return follow(client, path, encode(DrillRequest(snapshot=snapshot, by=who())), progress)
