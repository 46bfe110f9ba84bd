"""``tabib notify …``."""

from __future__ import annotations

import json
from typing import Any

import click

from tabib.cli.console import Console
from tabib.cli.options import Command, command, json_option
from tabib.cli.project import name_or_all
from tabib.cli.session import connect
from tabib.cli.settings import Settings


class _Group(Command, click.Group):
    """The subcommands, in one file: they are small."""


@click.group(
    "notify",
    cls=_Group,
    examples=(
        "tabib notify ls                          who is told, and whether that works",
        "tabib notify test                        send a test message to each of them",
        "tabib notify test --url ntfy://mytopic   try a URL out before it is written anywhere",
    ),
    context_settings={"help_option_names": ["--help", "-h"]},
)
def notify() -> None:
    """People are told about incidents through Apprise: mail, chats, push services, webhooks."""


_project_option = click.option(
    "--project", metavar="P", default="", help="Of this project; else of the one here, or of all."
)


@command(
    "ls",
    examples=(
        "tabib notify ls               who is told about the project here, or about any",
        "tabib notify ls --project shop --json",
    ),
)
@_project_option
@json_option
@click.pass_obj
def ls(settings: Settings, project: str, as_json: bool) -> None:
    """List who is told of what, and whether the last message arrived."""
    wanted = project or name_or_all(settings)
    with connect(settings) as client:
        rows = client.get("/v1/notify", {"project": wanted or None})
    console = Console(settings.ansi)
    if as_json:
        console.json(rows)
        return
    if not rows:
        about = f" about {wanted}" if wanted else ""
        console.say(f"nobody is told{about}; see `tabib notify --help`")
        return
    from tabib.cli.render.notify import destination_lines

    for line in destination_lines(rows, console):
        console.line(line)


@command(
    "test",
    examples=(
        "tabib notify test                        to all who are told about the project here",
        "tabib notify test --project shop --json",
        "tabib notify test --url 'tgram://TOKEN/CHAT'",
    ),
)
@_project_option
@click.option("--url", metavar="URL", default="", help="To this Apprise URL alone; it is not kept.")
@json_option
@click.pass_obj
def test(settings: Settings, project: str, url: str, as_json: bool) -> int:
    """Send a marked test message to each, and tell whether it arrived.

    Exit code 1 where one did not.
    """
    wanted = "" if url else project or name_or_all(settings)
    with connect(settings) as client:
        body = json.dumps({"project": wanted, "url": url}).encode()
        rows: list[dict[str, Any]] = client.post("/v1/notify/test", body)
    console = Console(settings.ansi)
    if as_json:
        console.json(rows)
    else:
        from tabib.cli.render.notify import test_lines

        for line in test_lines(rows, console):
            console.line(line)
    return 0 if all(row.get("delivered") for row in rows) else 1


for _subcommand in (ls, test):
    notify.add_command(_subcommand)
