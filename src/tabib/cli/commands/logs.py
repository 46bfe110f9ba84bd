"""``tabib logs``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tabib.cli.attach import LogView, print_logs
from tabib.cli.moments import parse_moment
from tabib.cli.options import apply_all, command, json_option, services_argument
from tabib.cli.project import name_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import ConfigError, NotFound, UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client


def _parse_tail(value: str) -> int | None:
    if value == "all":
        return None
    if value.isdigit():
        return int(value)
    raise UsageError("wants a number or `all`", attempted="read --tail", target=repr(value))


_log_options = apply_all(
    click.option("--follow", "-f", is_flag=True, help="Go on as lines come, over restarts too."),
    click.option("--tail", "-n", default="all", metavar="LINES", help="Of each container."),
    click.option("--timestamps", "-t", is_flag=True, help="Print each line's time."),
    click.option("--since", metavar="TIME", help="10m, 1h30m or 2026-01-31T08:00:00Z."),
    click.option("--until", metavar="TIME", help="As --since."),
    click.option("--search", metavar="TEXT", help="Kept lines that hold these words."),
    click.option("--patterns", is_flag=True, help="Errors and warnings, alike ones as one."),
    click.option("--no-log-prefix", is_flag=True, help="Do not print which container wrote it."),
)


@command(
    "logs",
    taken=("-f",),
    examples=(
        "tabib logs -f                 everything, as it comes",
        "tabib logs -n 50 api worker   the last fifty lines of each container of two services",
        "tabib logs --since 10m -t db  with times",
        "tabib logs --search 'timed out'   in kept lines, of gone containers too",
    ),
)
@services_argument
@_log_options
@json_option
@click.pass_obj
def logs(
    settings: Settings,
    services: tuple[str, ...],
    follow: bool,
    tail: str,
    timestamps: bool,
    since: str | None,
    until: str | None,
    search: str | None,
    patterns: bool,
    no_log_prefix: bool,
    as_json: bool,
) -> None:
    """Show what containers wrote, each line behind the name of its container.

    Of containers that are gone, the lines that were kept are shown.
    """
    if bool(patterns) + bool(search) + follow > 1:
        raise UsageError("--search, --patterns and --follow exclude each other")
    now = datetime.now(UTC)
    view = LogView(
        project=_project(settings, bool(services)),
        services=services,
        follow=follow,
        tail=_parse_tail(tail),
        since=parse_moment(since, now),
        until=parse_moment(until, now),
        timestamps=timestamps,
        prefix=not no_log_prefix,
        as_json=as_json,
    )
    with connect(settings) as client:
        _print(client, settings, view, search or "", patterns)


def _project(settings: Settings, named: bool) -> str:
    try:
        return name_of(settings)
    except ConfigError:
        # What is named may be a container of no project here, or one that is gone.
        if not named:
            raise
        return ""


def _print(client: Client, settings: Settings, view: LogView, search: str, patterns: bool) -> None:
    from tabib.cli import kept

    if patterns:
        kept.print_patterns(client, settings, view)
    elif search:
        kept.print_found(client, settings, view, search)
    elif not view.project:
        missing = NotFound("it does not exist", attempted="read logs of", target=view.services[0])
        kept.print_with_gone(client, settings, view, missing)
    else:
        try:
            print_logs(client, settings, view)
        except NotFound as error:
            kept.print_with_gone(client, settings, view, error)
