"""``tabib ps``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option, services_argument
from tabib.cli.project import name_or_all
from tabib.cli.render.containers import container_table
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
CONTRACT = ("project", "service", "slot", "name", "id", "image", "state", "health", "release",
            "cluster", "node", "started_at", "restarts")  # fmt: skip
"""Fields of the JSON contract; the daemon may send more, which are passed on behind them."""


@command(
    "ps",
    examples=(
        "tabib ps                         the project here, or all where there is no file",
        "tabib ps -a --json               stopped ones too, for a program",
        "tabib ps --status exited db api  only these, in this state",
    ),
)
@services_argument
@click.option("show_all", "--all", "-a", is_flag=True, help="Stopped and one-off ones too.")
@click.option("--quiet", "-q", is_flag=True, help="Ids only.")
@click.option("names_only", "--services", is_flag=True, help="Names of services only.")
@click.option("--status", type=click.Choice(STATES), multiple=True, help="In this state only.")
@click.option(
    "filters", "--filter", multiple=True, metavar="KEY=VALUE", help="status=STATE or health=HEALTH."
)
@click.option("style", "--format", type=click.Choice(["table", "json"]), default="table")
@click.option("--no-trunc", is_flag=True, help="Full ids, images and lines.")
@json_option
@click.pass_obj
def ps(
    settings: Settings,
    services: tuple[str, ...],
    show_all: bool,
    quiet: bool,
    names_only: bool,
    status: tuple[str, ...],
    filters: tuple[str, ...],
    style: str,
    no_trunc: bool,
    as_json: bool,
) -> None:
    """List containers: of the project here, of the one that -p names, or of all."""
    wanted = parse_filters([*filters, *(f"status={state}" for state in status)])
    project = name_or_all(settings)
    query = {
        "project": project or None,
        "service": list(services) or None,
        # A state that only stopped ones have can only be found among all.
        "all": show_all or bool(wanted.get("status")),
    }
    with connect(settings) as client:
        rows = client.get("/v1/containers", query)
    rows = select(rows, wanted)
    console = Console(settings.ansi)
    if quiet:
        for row in rows:
            console.line(str(row["id"]) if no_trunc else str(row["id"])[:12])
    elif names_only:
        for name in sorted({str(row["service"]) for row in rows}):
            console.line(name)
    elif as_json or style == "json":
        console.json([contract_first(row) for row in rows])
    else:
        for line in container_table(rows, console, projects=not project, no_trunc=no_trunc):
            console.line(line)


def parse_filters(filters: Sequence[str]) -> dict[str, set[str]]:
    """``key=value`` each; several values of one key are alternatives.

    :raises UsageError: a key that is not known.
    """
    wanted: dict[str, set[str]] = {}
    for text in filters:
        key, equals, value = text.partition("=")
        if key not in ("status", "health", "source") or not equals:
            raise UsageError(
                "is not known",
                attempted="read the filter",
                target=repr(text),
                advice="There are status=STATE and health=HEALTH.",
            )
        if key != "source":
            wanted.setdefault(key, set()).add(value)
    return wanted


def select(
    rows: Sequence[Mapping[str, Any]], wanted: Mapping[str, set[str]]
) -> list[Mapping[str, Any]]:
    """Rows that fit every key of ``wanted``."""
    fields = {"status": "state", "health": "health"}
    return [
        row
        for row in rows
        if all(str(row.get(fields[key]) or "") in values for key, values in wanted.items())
    ]


def contract_first(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the fields of the contract first and in order, absent ones null."""
    return {key: row.get(key) for key in CONTRACT} | dict(row)
