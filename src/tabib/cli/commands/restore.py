"""``tabib restore``."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.moments import parse_moment
from tabib.cli.operation import follow, progress_for
from tabib.cli.options import command, json_option, services_argument
from tabib.cli.project import check_services, has_file, name_of
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError


@command(
    "restore",
    examples=(
        "tabib restore                      all data of the project, from the newest good copy",
        "tabib restore db --snapshot 4f2a   what db writes to, from a copy that you name",
        "tabib restore --undo               back to what the last restore replaced",
        "tabib restore --to shop-copy       beside: into new volumes of another project's name",
    ),
)
@services_argument
@click.option("--snapshot", metavar="ID", default="", help="This copy, not the newest good one.")
@click.option("--to", metavar="NAME", default="", help="Into new volumes of that project's name.")
@click.option("--to-time", metavar="TIME", help="As it was at that time: 10m (ago), 14:05, a date.")
@click.option("--undo", is_flag=True, help="Put back what the last restore replaced.")
@click.option("--dry-run", is_flag=True, help="Say what would be restored and lost; do nothing.")
@click.option("--yes", "-y", is_flag=True, help="Also where newer data is replaced.")
@json_option
@click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong.")
@click.pass_obj
def restore(
    settings: Settings,
    services: tuple[str, ...],
    snapshot: str,
    to: str,
    to_time: str | None,
    undo: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Bring data back from a snapshot: into a new place, checked there, then swapped in.

    The services run on until the swap. What was there is kept, and said where. SERVICE: only what
    these write to.
    """
    from tabib.cli.render.restore import restored_lines, undone_lines, would_lines
    from tabib.client.encode import encode

    if to and to_time:
        wrong = "--to and --to-time exclude each other"
        raise UsageError(wrong, attempted="read the options of", target="tabib restore")
    if undo and (services or snapshot or to or to_time):
        wrong = (
            "--undo goes with no SERVICE, --snapshot, --to or --to-time: it undoes the last restore"
        )
        raise UsageError(wrong, attempted="read the options of", target="tabib restore")
    name = name_of(settings)
    if services and has_file(settings):
        from tabib.cli.loading import load_project

        check_services(load_project(settings, warn=False), services)
    moment = parse_moment(to_time, datetime.now(UTC)) if to_time else None
    request = {
        "services": services,
        "snapshot": snapshot,
        "to": to,
        "to_time": moment,
        "undo": undo,
        "dry_run": dry_run,
        "yes": yes,
        "by": who(),
    }
    console = Console(settings.ansi)
    with connect(settings) as client:
        progress = progress_for(settings, quiet=quiet or dry_run or as_json)
        path = f"/v1/projects/{quote(name, safe='')}/restore"
        result = follow(client, path, encode(request), progress)
    if as_json:
        console.json(result)
    elif undo:
        if dry_run or (not quiet and settings.progress not in ("json", "quiet")):
            for line in undone_lines(result, console):
                (console.line if dry_run else console.say)(line)
    elif dry_run:
        for line in would_lines(result, console):
            console.line(line)
    elif not quiet and settings.progress not in ("json", "quiet"):
        for line in restored_lines(result, console):
            console.say(line)
