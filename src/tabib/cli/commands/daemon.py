"""``tabib daemon …``."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any

import click

from tabib.cli.console import Console
from tabib.cli.options import Command, command, dry_run_option, json_option
from tabib.cli.session import connect, daemon_options, remote_address, say
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError


class _Group(Command, click.Group):
    """The subcommands, in one file: they are small."""


@click.group(
    "daemon",
    cls=_Group,
    examples=("tabib daemon start", "tabib daemon status", "tabib daemon install"),
    context_settings={"help_option_names": ["--help", "-h"]},
)
def daemon() -> None:
    """The daemon acts and remembers; commands speak to it and start it where it is missing."""


@command(
    "run",
    examples=(
        "tabib daemon run                     in the foreground, until Ctrl-C",
        "tabib --state-dir /srv/tabib daemon run --log-level debug",
    ),
)
@click.option("--socket", metavar="PATH", help="Listen here instead of in the state folder.")
@click.option("--background", is_flag=True, hidden=True)
@click.option("--private", is_flag=True, hidden=True)
@click.pass_obj
def run(settings: Settings, socket: str | None, background: bool, private: bool) -> int:
    """Run the daemon in the foreground. This is what a service manager calls."""
    from tabib.daemon import main

    options = daemon_options(settings)
    code: int = main(
        options.state_dir,
        socket=socket,
        private=private,
        background=background,
        log_level=settings.log_level or "info",
    )
    return code


@command(
    "start",
    examples=(
        "tabib daemon start        in the background; works without systemd",
        "tabib --state-dir ~/tabib daemon start",
    ),
)
@click.pass_obj
def start(settings: Settings) -> None:
    """Start the daemon in the background, if none answers."""
    from tabib.client import daemon as client

    _local_only(settings)
    options = daemon_options(settings)
    client.ensure(options, say)
    running = client.version_of(options.address) or {}
    Console(settings.ansi).say(
        f"the tabib daemon {running.get('version')} answers at {options.socket_path}"
    )


@command("stop", examples=("tabib daemon stop", "tabib daemon stop --dry-run"))
@dry_run_option
@click.pass_obj
def stop(settings: Settings, dry_run: bool) -> None:
    """Stop the background daemon. Containers run on, by the engine's own restart policies."""
    from tabib.client import daemon as client

    _local_only(settings)
    console = Console(settings.ansi)
    address = daemon_options(settings).address
    if dry_run:
        running = client.version_of(address)
        pid = f"would stop the daemon with pid {running.get('pid')}" if running else ""
        console.line(pid or "no daemon runs")
        return
    console.say("the daemon has stopped" if client.stop(address) else "no daemon runs")


@command("status", examples=("tabib daemon status", "tabib daemon status --json"))
@json_option
@click.pass_obj
def status(settings: Settings, as_json: bool) -> int:
    """Show how the daemon is and which engines it looks after. Exit code 1 where none runs."""
    from tabib.cli.session import address_of
    from tabib.client.api import Client
    from tabib.client.daemon import version_of

    console = Console(settings.ansi)
    address = address_of(settings)
    if version_of(address) is None:
        if as_json:
            console.json(None)
        else:
            console.line(f"no daemon answers at {address.url}")
        return 1
    answer: dict[str, Any] = Client(address).get("/v1/daemon/status")
    if as_json:
        console.json(answer)
        return 0
    from tabib.cli.render.daemon import status_lines

    for line in status_lines(answer, console, datetime.now(UTC)):
        console.line(line)
    return 0


@command(
    "install",
    examples=(
        "sudo tabib daemon install      a systemd service for the whole machine",
        "tabib daemon install --user    one of this user",
        "tabib daemon install --print   show the unit, write nothing",
    ),
)
@click.option("as_user", "--user", is_flag=True, help="For this user's own service manager.")
@click.option("print_only", "--print", is_flag=True, help="Show the unit only.")
@dry_run_option
@click.pass_obj
def install(settings: Settings, as_user: bool, print_only: bool, dry_run: bool) -> None:
    """Write a systemd unit, so that the daemon runs from boot on and is restarted by itself."""
    from tabib.cli import systemd

    plan = systemd.plan(
        executable=sys.executable,
        state_dir=daemon_options(settings).state_dir,
        as_user=as_user or os.getuid() != 0,
        environ=os.environ,
    )
    console = Console(settings.ansi)
    if print_only:
        console.write(plan.unit)
        return
    if dry_run:
        console.line(f"would write {plan.path}:")
        console.write(plan.unit)
        return
    systemd.write(plan)
    console.say(f"wrote {plan.path}")
    for line in systemd.next_steps(plan):
        console.say(line)


@command(
    "takeover",
    examples=(
        "tabib daemon takeover              this installation cares for the engine from now on",
        "tabib daemon takeover --dry-run    whose the engine is",
    ),
)
@dry_run_option
@click.pass_obj
def takeover(settings: Settings, dry_run: bool) -> None:
    """Make this installation the owner of an engine that another one owns.

    The other installation only observes from then on. Nothing is stopped or changed.
    """
    console = Console(settings.ansi)
    with connect(settings) as client:
        engine = client.get("/v1/engine")
        owner = engine.get("owner") or "nobody"
        if dry_run:
            console.line(f"would take over {engine['engine']['endpoint']} from {owner}")
            return
        client.post("/v1/engine/takeover")
    console.say(f"this installation owns the engine now (before: {owner})")


def _local_only(settings: Settings) -> None:
    if remote_address(settings) is not None:
        raise UsageError(
            "it is started and stopped where it runs",
            attempted="start or stop a daemon by --host or TABIB_HOST",
        )


for _subcommand in (run, start, stop, status, install, takeover):
    daemon.add_command(_subcommand)
