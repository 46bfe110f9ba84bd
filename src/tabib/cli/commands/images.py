"""``tabib images``."""

from __future__ import annotations

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option, services_argument
from tabib.cli.project import name_of
from tabib.cli.render.table import table
from tabib.cli.render.units import size
from tabib.cli.session import connect
from tabib.cli.settings import Settings


@command(
    "images",
    examples=(
        "tabib images           which image each container runs",
        "tabib images --json    for a program, sizes in bytes",
    ),
)
@services_argument
@click.option("--quiet", "-q", is_flag=True, help="Ids only.")
@click.option("style", "--format", type=click.Choice(["table", "json"]), default="table")
@json_option
@click.pass_obj
def images(
    settings: Settings, services: tuple[str, ...], quiet: bool, style: str, as_json: bool
) -> None:
    """List the images that the project's containers use."""
    project = name_of(settings)
    with connect(settings) as client:
        rows = client.get(f"/v1/projects/{project}/images")
    if services:
        rows = [row for row in rows if row.get("service") in services]
    console = Console(settings.ansi)
    if quiet:
        for identity in dict.fromkeys(_short(row) for row in rows):
            console.line(identity)
    elif as_json or style == "json":
        console.json(rows)
    else:
        cells = [
            (
                str(row.get("container") or ""),
                str(row.get("repository") or ""),
                str(row.get("tag") or ""),
                str(row.get("platform") or ""),
                _short(row),
                size(int(row.get("size_bytes") or 0)),
            )
            for row in rows
        ]
        for line in table(
            ("CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE"), cells
        ):
            console.line(line)


def _short(row: dict[str, object]) -> str:
    return str(row.get("id") or "").removeprefix("sha256:")[:12]
