"""``tabib exec``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tabib.cli import exit_codes
from tabib.cli.containers import container_of
from tabib.cli.interactive import environment_of, exit_code_for, streams, wants_tty
from tabib.cli.options import apply_all, command, index_option, service_argument
from tabib.cli.project import name_of
from tabib.cli.session import connect, engine_endpoint
from tabib.cli.settings import Settings

if TYPE_CHECKING:
    from tabib.client.hijack import EngineDialer

_exec_options = apply_all(
    click.option("--detach", "-d", is_flag=True, help="Leave it running, do not wait."),
    click.option("env", "--env", "-e", multiple=True, metavar="NAME=VALUE", help="Set a variable."),
    index_option,
    click.option("--interactive/--no-interactive", "-i", default=True, hidden=True),
    click.option("--no-tty", "-T", "--no-TTY", is_flag=True, help="No terminal for the program."),
    click.option("tty", "--tty", "-t", is_flag=True, hidden=True),
    click.option("--privileged", is_flag=True, help="With all capabilities."),
    click.option("--user", "-u", default="", metavar="USER[:GROUP]", help="As this user."),
    click.option("--workdir", "-w", default="", metavar="DIR", help="In this folder."),
)


@command(
    "exec",
    passthrough=True,
    examples=(
        "tabib exec web sh                       a shell in web",
        "tabib exec -u postgres db psql          as another user",
        "tabib exec -T db pg_dumpall > dump.sql  without a terminal, output as it is",
    ),
)
@_exec_options
@service_argument
@click.argument("command_line", nargs=-1, required=True, metavar="COMMAND...")
@click.pass_obj
def exec_(settings: Settings, /, service: str, command_line: tuple[str, ...], **given: Any) -> int:
    """Run a command in a running container of SERVICE; its exit code becomes tabib's."""
    from tabib.client.hijack import EngineDialer

    settings.own_failure = exit_codes.OWN_FAILURE
    project = name_of(settings)
    with connect(settings) as client:
        container = str(container_of(client, project, service, given["index"])["id"])
    engine = EngineDialer(engine_endpoint(settings))
    tty = wants_tty(given["no_tty"], given["detach"])
    exec_id = engine.create_exec(container, _config(command_line, given, tty))
    if given["detach"]:
        engine.start_exec_detached(exec_id)
        return 0
    return _interact(engine, exec_id, tty=tty, interactive=given["interactive"])


def _config(command_line: tuple[str, ...], given: dict[str, Any], tty: bool) -> dict[str, Any]:
    attached = not given["detach"]
    return {
        "AttachStdin": attached and given["interactive"],
        "AttachStdout": attached,
        "AttachStderr": attached,
        "Tty": tty,
        "Cmd": list(command_line),
        "Env": [f"{name}={value}" for name, value in environment_of(given["env"]).items()],
        "Privileged": given["privileged"],
        "User": given["user"],
        "WorkingDir": given["workdir"],
    }


def _interact(engine: EngineDialer, exec_id: str, *, tty: bool, interactive: bool) -> int:
    from tabib.client.terminal import Pump, raw_mode

    own = streams(interactive=interactive)
    stream = engine.start_exec(exec_id, tty=tty)
    try:
        with raw_mode(own.stdin if tty else None):
            Pump(
                stream,
                own,
                tty=tty,
                on_resize=(lambda rows, columns: engine.resize(f"/exec/{exec_id}", rows, columns))
                if tty
                else None,
            ).run()
    finally:
        stream.close()
    state = engine.exec_state(exec_id)
    return 0 if state.get("Running") else exit_code_for(int(state.get("ExitCode") or 0))
