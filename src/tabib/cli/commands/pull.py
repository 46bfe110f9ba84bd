"""``tabib pull``."""

from __future__ import annotations

from typing import Any

import click

from tabib.cli.options import apply_all, command, dry_run_option, json_option, services_argument
from tabib.cli.settings import Settings
from tabib.cli.transfer import transfer

_options = apply_all(
    click.option("--policy", type=click.Choice(["missing", "always"]),
                 help="Only missing images, or newer versions too."),
    click.option("--ignore-buildable", is_flag=True, help="Leave out what can be built."),
    click.option("ignore_failures", "--ignore-pull-failures", is_flag=True,
                 help="Pull what can be pulled."),
    click.option("with_dependencies", "--include-deps", is_flag=True,
                 help="Pull what the services need too."),
    click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong."),
)  # fmt: skip


@command(
    "pull",
    examples=(
        "tabib pull                    the newest version of every service's image",
        "tabib pull --policy missing   only what is not there yet",
    ),
)
@services_argument
@_options
@dry_run_option
@json_option
@click.pass_obj
def pull(settings: Settings, /, **given: Any) -> int:
    """Pull the images of services. Containers keep running with what they have."""
    return transfer(settings, "pull", given)
