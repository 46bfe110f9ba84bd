"""``tabib processes``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from tabib.cli.console import Console
from tabib.cli.moments import parse_moment, since_option, until_option
from tabib.cli.options import command, json_option, target_argument
from tabib.cli.recorded import query_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError


@command(
    "processes",
    examples=(
        "tabib processes                      what ran in the project here in the last hour",
        "tabib processes api --failed         what ended badly, and who killed it",
        "tabib processes shop-api-1 --tree    who started whom, of a container that is gone too",
        "tabib processes 7f3ac --since 2d --json",
    ),
)
@target_argument
@since_option("1h")
@until_option
@click.option("show_all", "--all", "-a", is_flag=True, help="Each run of a command that repeats.")
@click.option("--running", is_flag=True, help="Only those that run.")
@click.option("--failed", is_flag=True, help="Only those that ended badly.")
@click.option("--tree", is_flag=True, help="Below the process that started them.")
@click.option("--no-trunc", is_flag=True, help="Full commands.")
@json_option
@click.pass_obj
def processes(
    settings: Settings,
    target: str,
    since: str,
    until: str | None,
    show_all: bool,
    running: bool,
    failed: bool,
    tree: bool,
    no_trunc: bool,
    as_json: bool,
) -> None:
    """Show the processes that ran, with how they ended and what they used.

    TARGET is a project, a service, a container or an id, also of what is gone.
    """
    from tabib.cli.render.processes import Style, process_lines, select

    if show_all + running + failed > 1:
        raise UsageError("--all, --running and --failed exclude each other")
    now = datetime.now(UTC)
    times = {"since": parse_moment(since, now), "until": parse_moment(until, now)}
    with connect(settings) as client:
        rows = client.get("/v1/processes", query_of(settings, target, **times))
    rows = select(rows, running=running, failed=failed)
    console = Console(settings.ansi)
    if as_json:
        console.json(rows)
    elif not rows:
        console.say("no such processes were recorded in that time")
    else:
        style = Style(tree=tree, fold=not (show_all or tree or failed), no_trunc=no_trunc)
        for line in process_lines(rows, console, style, now):
            console.line(line)
