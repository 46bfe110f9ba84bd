"""``tabib scale``."""

from __future__ import annotations

import click

from tabib.cli.act import act
from tabib.cli.commands.up import parse_scale
from tabib.cli.options import changing_options, command
from tabib.cli.settings import Settings


@command(
    "scale",
    examples=(
        "tabib scale worker=3         three containers of worker",
        "tabib scale web=2 worker=0   two of web, none of worker",
    ),
)
@click.argument("pairs", nargs=-1, required=True, metavar="SERVICE=N...")
@click.option("--no-deps", is_flag=True, help="Leave dependencies alone.")
@changing_options
@click.pass_obj
def scale(
    settings: Settings, pairs: tuple[str, ...], no_deps: bool, dry_run: bool, yes: bool
) -> None:
    """Set how many containers services have; kept until the next `up --scale` or `scale`."""
    replicas = parse_scale(pairs)
    options = {"replicas": replicas, "no_deps": no_deps}
    act(settings, "scale", tuple(replicas), options, dry_run=dry_run, yes=yes)
