"""``tabib push``."""

from __future__ import annotations

from typing import Any

import click

from tabib.cli.options import apply_all, command, dry_run_option, json_option, services_argument
from tabib.cli.settings import Settings
from tabib.cli.transfer import transfer

_options = apply_all(
    click.option("ignore_failures", "--ignore-push-failures", is_flag=True,
                 help="Push what can be pushed."),
    click.option("with_dependencies", "--include-deps", is_flag=True,
                 help="Push what the services need too."),
    click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong."),
)  # fmt: skip


@command(
    "push",
    examples=(
        "tabib push              the images that are built here, with their tags",
        "tabib push --json api   one service; digests for a program",
    ),
)
@services_argument
@_options
@dry_run_option
@json_option
@click.pass_obj
def push(settings: Settings, /, **given: Any) -> int:
    """Push the images of services that have both `build:` and `image:`."""
    return transfer(settings, "push", given)
