"""``tabib snapshot ID …``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings
from tabib.model.errors import NeedsConfirmation, UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client

ACTIONS = ("ls", "cat", "export", "rm")


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    from tabib.cli.complete import complete_snapshots

    return complete_snapshots(ctx, _, incomplete)


@command(
    "snapshot",
    examples=(
        "tabib snapshot 3fa2                         what is in it, and what is known of it",
        "tabib snapshot 3fa2 ls uploads              files in it, as a path below a data set",
        "tabib snapshot 3fa2 export uploads -o /tmp  a folder as a tar, a file as it is",
        "tabib snapshot 3fa2 --hold                  retention never lets it go",
    ),
)
@click.argument("snapshot_id", metavar="ID", shell_complete=_complete)
@click.argument("action", metavar="[ls|cat|export|rm]", default="", type=str)
@click.argument("path", metavar="[PATH]", default="")
@click.option(
    "--output",
    "-o",
    metavar="FILE|DIR",
    default="",
    help="Where export writes to (- for standard output).",
)
@click.option("--hold", is_flag=True, help="Keep it, whatever retention says.")
@click.option("--unhold", is_flag=True, help="Leave it to retention again.")
@click.option("--yes", "-y", is_flag=True, help="Carry out rm.")
@json_option
@click.pass_obj
def snapshot(
    settings: Settings,
    snapshot_id: str,
    action: str,
    path: str,
    output: str,
    hold: bool,
    unhold: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Look into one copy of data, get files out of it, hold it or remove it.

    ID may be shortened as long as it is unambiguous. PATH begins with the name of a data set, as
    `ls` shows it.
    """
    _check(action, path, output, hold=hold, unhold=unhold, yes=yes)
    console = Console(settings.ansi)
    route = f"/v1/snapshots/{quote(snapshot_id, safe='')}"
    with connect(settings) as client:
        if action == "ls":
            _ls(client, route, path, console, as_json=as_json)
        elif action == "cat":
            from tabib.cli.exports import cat

            cat(client, route, path)
        elif action == "export":
            from tabib.cli.exports import export

            export(settings, client, route, path, output)
        elif action == "rm":
            _rm(settings, client, route, yes=yes)
        elif hold or unhold:
            _hold(client, route, console, hold=hold, as_json=as_json)
        else:
            _show(client, route, console, as_json=as_json)


def _check(action: str, path: str, output: str, *, hold: bool, unhold: bool, yes: bool) -> None:
    advice = ""
    if action and action not in ACTIONS:
        from difflib import get_close_matches

        near = get_close_matches(action, ACTIONS, n=1)
        wrong = f"there is no action {action!r}"
        advice = f"Did you mean {near[0]}?" if near else f"One of {', '.join(ACTIONS)}."
    elif hold + unhold + bool(action) > 1:
        wrong = "--hold, --unhold and an action exclude each other"
    elif output and action != "export":
        wrong = "--output goes with export"
    elif yes and action != "rm":
        wrong = "--yes goes with rm"
    elif path and action == "rm":
        wrong = "rm removes the whole snapshot, not a path in it"
    else:
        return
    raise UsageError(wrong, attempted="read the options of", target="tabib snapshot", advice=advice)


def _show(client: Client, route: str, console: Console, *, as_json: bool) -> None:
    page = client.get(route)
    if as_json:
        console.json(page)
        return
    from tabib.cli.render.snapshots import snapshot_page

    for line in snapshot_page(page, console):
        console.line(line)


def _ls(client: Client, route: str, path: str, console: Console, *, as_json: bool) -> None:
    rows = client.get(f"{route}/entries", {"path": path})
    if as_json:
        console.json(rows)
        return
    from tabib.cli.render.snapshots import entry_table

    for line in entry_table(rows, console):
        console.line(line)


def _hold(client: Client, route: str, console: Console, *, hold: bool, as_json: bool) -> None:
    from tabib.client.encode import encode
    from tabib.model.wire import HoldRequest

    row: Any = client.post(f"{route}/hold", encode(HoldRequest(hold=hold, by=who())))
    if as_json:
        console.json(row)
    elif hold:
        console.say(f"snapshot {row['id']} is held: retention never lets it go")
    else:
        console.say(f"snapshot {row['id']} is left to retention again")


def _rm(settings: Settings, client: Client, route: str, *, yes: bool) -> None:
    from tabib.cli.operation import follow, progress_for
    from tabib.cli.render.units import local_time, size

    row = client.get(route)
    what = f"the copy of {row['project']} of {local_time(row['taken_at'])}"
    if not yes:
        raise NeedsConfirmation(
            f"{what}, {size(row['size_bytes'])}, would be gone for good",
            attempted="remove snapshot",
            target=str(row["id"]),
            advice=f"`tabib snapshot {row['id']} rm --yes` does it.",
        )
    progress = progress_for(settings)
    follow(client, route, b"", progress, method="DELETE")
    if settings.progress not in ("json", "quiet"):
        Console(settings.ansi).say(f"removed snapshot {row['id']}, {what}")
