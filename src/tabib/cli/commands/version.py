"""``tabib version``."""

from __future__ import annotations

import click

from tabib import __version__
from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.settings import Settings


@command(
    "version",
    examples=(
        "tabib version           command and daemon",
        "tabib version --short   the number alone",
    ),
)
@click.option("--short", is_flag=True, help="The command's version alone.")
@json_option
@click.pass_obj
def version(settings: Settings, short: bool, as_json: bool) -> None:
    """Show the versions of this command and of the daemon, if one runs. Starts none."""
    console = Console(settings.ansi)
    if short:
        console.line(__version__)
        return
    from tabib.cli.session import address_of
    from tabib.client.daemon import version_of
    from tabib.model.errors import TabibError

    problem = ""
    try:
        running = version_of(address_of(settings))
    except TabibError as error:
        running, problem = None, error.happened
    if as_json:
        console.json({"version": __version__, "daemon": running})
        return
    console.line(f"tabib {__version__}")
    if running is None:
        console.line(f"daemon: {problem or 'not running'}")
    else:
        kind = "in the background" if running.get("background") else "as a service"
        console.line(f"daemon {running.get('version')}, pid {running.get('pid')}, {kind}")
