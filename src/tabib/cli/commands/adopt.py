"""``tabib adopt`` and ``tabib disown``."""

from __future__ import annotations

import click

from tabib.cli.console import Console
from tabib.cli.operation import follow, progress_for
from tabib.cli.options import command, dry_run_option, project_argument
from tabib.cli.render.plan import print_plan
from tabib.cli.render.summary import count
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings


@command(
    "adopt",
    examples=(
        "tabib adopt shop                 care for what `docker compose up` started",
        "tabib adopt shop --mode observe  watch and report only",
        "tabib adopt shop --dry-run       show what would be taken into care",
    ),
)
@project_argument
@click.option(
    "--mode",
    type=click.Choice(["act", "advise", "observe"]),
    default="act",
    show_default=True,
    help="What tabib may do when something fails.",
)
@dry_run_option
@click.pass_obj
def adopt(settings: Settings, project: str, mode: str, dry_run: bool) -> None:
    """Take a running Compose project into care. No container is recreated or restarted."""
    _change(settings, project, "adopt", mode, dry_run)


@command(
    "disown",
    examples=(
        "tabib disown shop             stop caring; everything runs on",
        "tabib disown shop --dry-run",
    ),
)
@project_argument
@dry_run_option
@click.pass_obj
def disown(settings: Settings, project: str, dry_run: bool) -> None:
    """Let a project go. Nothing is stopped; what fails from now on is not treated."""
    if dry_run:
        Console(settings.ansi).line(f"would stop caring for {project}; its containers run on")
        return
    _change(settings, project, "disown", "act", dry_run=False)


def _change(settings: Settings, project: str, verb: str, mode: str, dry_run: bool) -> None:
    from urllib.parse import quote

    from tabib.client.encode import encode
    from tabib.model.wire import AdoptRequest

    body = encode(AdoptRequest(mode=mode, by=who(), dry_run=dry_run))
    console = Console(settings.ansi)
    with connect(settings) as client:
        progress = progress_for(settings, quiet=dry_run)
        path = f"/v1/projects/{quote(project, safe='')}/{verb}"
        result = follow(client, path, body, progress)
    if dry_run:
        print_plan(progress.board, console, settings.progress)
    elif settings.progress not in ("json", "quiet"):
        if verb == "disown":
            console.say(f"{project} is let go; its containers run on")
            return
        containers = list(result.get("containers") or ())
        care = result.get("mode") or mode
        console.say(f"{project} is in care ({care}): {count(containers, 'container')}")
