"""``tabib start``, ``stop``, ``restart``, ``kill``, ``pause``, ``unpause`` and ``rm``."""

from __future__ import annotations

import sys

import click

from tabib.cli.act import act
from tabib.cli.console import is_terminal
from tabib.cli.options import (
    changing_options,
    command,
    dry_run_option,
    services_argument,
    timeout_option,
)
from tabib.cli.settings import Settings
from tabib.model.errors import NeedsConfirmation

Services = tuple[str, ...]


@command(
    "start",
    examples=(
        "tabib start          start what was stopped",
        "tabib start api      one service; also ends its quarantine",
    ),
)
@services_argument
@click.option("--wait", is_flag=True, help="Wait until healthy.")
@dry_run_option
@click.pass_obj
def start(settings: Settings, services: Services, wait: bool, dry_run: bool) -> None:
    """Start existing containers that do not run."""
    act(settings, "start", services, {"wait": wait}, dry_run=dry_run)


@command(
    "stop",
    examples=(
        "tabib stop           stop all containers of the project",
        "tabib stop -t 60 db  give the database a minute",
    ),
)
@services_argument
@timeout_option
@dry_run_option
@click.pass_obj
def stop(settings: Settings, services: Services, timeout_s: float | None, dry_run: bool) -> None:
    """Stop containers without removing them. They stay stopped until they are started."""
    act(settings, "stop", services, {"timeout_s": timeout_s}, dry_run=dry_run)


@command(
    "restart",
    examples=(
        "tabib restart        restart every container of the project",
        "tabib restart api    one service, and what declares that it restarts with it",
    ),
)
@services_argument
@timeout_option
@click.option("--no-deps", is_flag=True, help="Leave services that depend on it alone.")
@dry_run_option
@click.pass_obj
def restart(
    settings: Settings,
    services: Services,
    timeout_s: float | None,
    no_deps: bool,
    dry_run: bool,
) -> None:
    """Restart containers. Changes of the Compose file take effect with `tabib up` only."""
    options = {"timeout_s": timeout_s, "no_deps": no_deps}
    act(settings, "restart", services, options, dry_run=dry_run)


@command(
    "kill",
    examples=(
        "tabib kill web             SIGKILL to the containers of web",
        "tabib kill -s HUP proxy    have the proxy read its configuration anew",
    ),
)
@services_argument
@click.option("--signal", "-s", default="SIGKILL", show_default=True, metavar="SIGNAL")
@dry_run_option
@click.pass_obj
def kill(settings: Settings, services: Services, signal: str, dry_run: bool) -> None:
    """Send a signal to running containers. What a signal stops is not brought back."""
    act(settings, "kill", services, {"signal": signal}, dry_run=dry_run)


@command(
    "pause",
    examples=(
        "tabib pause          freeze every process of the project",
        "tabib pause worker   one service",
    ),
)
@services_argument
@dry_run_option
@click.pass_obj
def pause(settings: Settings, services: Services, dry_run: bool) -> None:
    """Freeze the processes of containers."""
    act(settings, "pause", services, {}, dry_run=dry_run)


@command(
    "unpause",
    examples=(
        "tabib unpause          let everything go on",
        "tabib unpause worker   one service",
    ),
)
@services_argument
@dry_run_option
@click.pass_obj
def unpause(settings: Settings, services: Services, dry_run: bool) -> None:
    """Let frozen containers go on."""
    act(settings, "unpause", services, {}, dry_run=dry_run)


@command(
    "rm",
    taken=("-f",),
    examples=(
        "tabib rm               remove stopped containers, after a question",
        "tabib rm -s -f worker  stop and remove the containers of worker, without one",
        "tabib rm -v            with their anonymous volumes",
    ),
)
@services_argument
@click.option("--force", "-f", is_flag=True, help="Do not ask.")
@click.option("--stop", "-s", is_flag=True, help="Stop running containers first.")
@click.option("--volumes", "-v", is_flag=True, help="Remove anonymous volumes too.")
@changing_options
@click.pass_obj
def rm(
    settings: Settings,
    services: Services,
    force: bool,
    stop: bool,
    volumes: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Remove stopped containers. Named volumes stay."""
    if not (force or yes or dry_run or _confirmed(services)):
        return
    # As with Compose, --force is about the question only: what runs goes with --stop alone.
    options = {"stop": stop, "volumes": volumes}
    act(settings, "rm", services, options, dry_run=dry_run, yes=yes)


def _confirmed(services: Services) -> bool:
    if not is_terminal(sys.stdin):
        raise NeedsConfirmation(
            "there is no terminal to ask on",
            attempted="remove containers",
            advice="Add --force, or look first with --dry-run.",
        )
    what = ", ".join(services) or "all services"
    return click.confirm(f"Remove the stopped containers of {what}?", err=True)
