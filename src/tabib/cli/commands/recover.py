"""``tabib recover``."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

import click

from tabib.cli.commands.snapshots import address_of, read_key
from tabib.cli.console import Console, is_terminal
from tabib.cli.exit_codes import NOT_STARTED
from tabib.cli.operation import follow, progress_for
from tabib.cli.options import command, json_option
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings
from tabib.model.errors import NeedsConfirmation, UsageError

KEY = "TABIB_REPOSITORY_KEY"


@command(
    "recover",
    examples=(
        "tabib recover --repository s3:https://s3.example.com/bucket --dry-run    show the plan",
        "tabib recover --repository s3:https://s3.example.com/bucket              bring all back",
        "tabib recover --repository /mnt/copies --project shop --key-file key.txt --yes",
        "tabib --context other recover --repository sftp:host:/copies --project shop",
    ),
)
@click.option("--repository", metavar="URL", required=True, help="Where the copies are.")
@click.option("--project", "projects", metavar="NAME", multiple=True, help="This one alone.")
@click.option(
    "--key-file",
    metavar="FILE",
    default="",
    help=f"Holds the repository's key; else {KEY}, else it is asked for.",
)
@click.option("--images", is_flag=True, help="Take images from the repository where it has them.")
@click.option("--dry-run", is_flag=True, help="Show what would be brought back; do nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def recover(
    settings: Settings,
    repository: str,
    projects: tuple[str, ...],
    key_file: str,
    images: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring projects back from a repository: secrets, files, images, data, then up.

    Wants nothing but the repository's address and its key. What is on the engine already is never
    overwritten. Run it again after a failure: it goes on where it ended. Credentials of the
    repository are taken from the environment, as restic names them.
    """
    from tabib.cli.render.recover import plan_lines, result_lines
    from tabib.client.encode import encode
    from tabib.model.wire import RecoverRequest

    console = Console(settings.ansi)
    asked = RecoverRequest(
        address=address_of(repository),
        key=_key(key_file),
        projects=projects,
        images=images,
        dry_run=True,
        by=who(),
    )
    with connect(settings) as client:

        def call(request: RecoverRequest, *, quiet: bool) -> Any:
            progress = progress_for(settings, quiet=quiet)
            return follow(client, "/v1/recover", encode(request), progress)

        if dry_run or not yes or not as_json:
            plan = call(asked, quiet=True)
            if not as_json:
                for line in plan_lines(plan, console):
                    console.line(line)
            elif dry_run:
                console.json(plan)
            if dry_run:
                return
            if not yes:
                _confirm(plan)
        result = call(replace(asked, dry_run=False, yes=True), quiet=as_json)
    if as_json:
        console.json(result)
    else:
        for line in result_lines(result, console):
            console.line(line)
    if result["failed"]:
        raise SystemExit(NOT_STARTED)


def _key(key_file: str) -> str:
    if key_file:
        return read_key(key_file)
    if os.environ.get(KEY):
        return os.environ[KEY].strip()
    if is_terminal(sys.stdin):
        return read_key("-")
    raise UsageError(
        "there is no terminal to ask for the key",
        attempted="open",
        target="the repository",
        advice=f"Give --key-file FILE, or {KEY} in the environment; never on the command line.",
    )


def _confirm(plan: Any) -> None:
    names = ", ".join(str(one["project"]) for one in plan["projects"])
    if is_terminal(sys.stdin) and click.confirm(f"Recover {names}?", err=True):
        return
    raise NeedsConfirmation(
        f"this brings up {names} on this engine",
        attempted="recover",
        target=str(plan["repository"]),
        advice="Pass --yes to do it.",
    )
