"""``tabib down``."""

from __future__ import annotations

import click

from tabib.cli.console import Console
from tabib.cli.operation import follow, progress_for
from tabib.cli.options import changing_options, command, services_argument, timeout_option
from tabib.cli.project import target
from tabib.cli.render.plan import print_plan
from tabib.cli.render.summary import down_summary
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings


@command(
    "down",
    examples=(
        "tabib down               stop and remove containers and networks; volumes stay",
        "tabib down -v            the volumes too; tabib keeps their data aside and says where",
        "tabib -p shop down       by name, without its Compose file",
    ),
)
@services_argument
@click.option("--volumes", "-v", is_flag=True, help="Remove named and anonymous volumes too.")
@click.option("--remove-orphans", is_flag=True, help="Containers that the file no longer has too.")
@click.option("--no-backup", is_flag=True, help="Take no final snapshot before volumes go.")
@timeout_option
@changing_options
@click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong.")
@click.pass_obj
def down(
    settings: Settings,
    services: tuple[str, ...],
    volumes: bool,
    remove_orphans: bool,
    no_backup: bool,
    timeout_s: float | None,
    dry_run: bool,
    yes: bool,
    quiet: bool,
) -> None:
    """Stop the project and remove its containers and networks. Volumes stay unless -v is given."""
    from tabib.client.encode import encode
    from tabib.model.wire import DownRequest

    meant = target(settings, services)
    request = DownRequest(
        project=meant.project,
        services=services,
        volumes=volumes,
        remove_orphans=remove_orphans,
        timeout_s=timeout_s,
        dry_run=dry_run,
        yes=yes,
        no_wait_lease=settings.no_wait,
        by=who(),
        no_backup=no_backup,
    )
    console = Console(settings.ansi)
    with connect(settings) as client:
        progress = progress_for(settings, quiet=quiet or dry_run)
        result = follow(client, f"/v1/projects/{meant.name}/down", encode(request), progress)
    if dry_run:
        print_plan(progress.board, console, settings.progress)
    elif not quiet and settings.progress not in ("json", "quiet"):
        console.say(down_summary(meant.name, result))
