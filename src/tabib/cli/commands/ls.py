"""``tabib ls``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.render.table import table
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError


@command(
    "ls",
    examples=(
        "tabib ls           projects that run",
        "tabib ls -a        and those that are stopped",
        "tabib ls -q --filter name=shop",
    ),
)
@click.option("show_all", "--all", "-a", is_flag=True, help="Stopped projects too.")
@click.option("--quiet", "-q", is_flag=True, help="Names only.")
@click.option("filters", "--filter", multiple=True, metavar="name=TEXT", help="Name contains TEXT.")
@click.option("style", "--format", type=click.Choice(["table", "json"]), default="table")
@json_option
@click.pass_obj
def ls(
    settings: Settings,
    show_all: bool,
    quiet: bool,
    filters: tuple[str, ...],
    style: str,
    as_json: bool,
) -> None:
    """List the projects on the engine, also those that tabib does not care for."""
    parts = _name_parts(filters)
    with connect(settings) as client:
        rows = client.get("/v1/projects")
    rows = [
        row
        for row in rows
        if (show_all or row.get("running")) and all(part in row["project"] for part in parts)
    ]
    console = Console(settings.ansi)
    if quiet:
        for row in rows:
            console.line(str(row["project"]))
        return
    if as_json or style == "json":
        console.json(rows)
        return
    cells = [
        (
            str(row["project"]),
            str(row.get("status") or ""),
            str(row.get("care") or "none"),
            str(row.get("release") or ""),
            _files(row.get("config_files")),
        )
        for row in rows
    ]
    for line in table(("NAME", "STATUS", "CARE", "RELEASE", "FILES"), cells):
        console.line(line)


def _name_parts(filters: Sequence[str]) -> list[str]:
    """The texts of ``name=TEXT`` filters; all must match."""
    parts = []
    for text in filters:
        key, equals, value = text.partition("=")
        if key != "name" or not equals:
            raise UsageError(
                "is not known",
                attempted="read the filter",
                target=repr(text),
                advice="There is name=TEXT.",
            )
        parts.append(value)
    return parts


def _files(files: object) -> str:
    return ", ".join(map(str, files)) if isinstance(files, list | tuple) else str(files or "")
