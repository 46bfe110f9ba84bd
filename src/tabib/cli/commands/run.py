"""``tabib run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tabib.cli import exit_codes
from tabib.cli.builds import sources_for
from tabib.cli.commands.up import pull_credentials
from tabib.cli.console import Console
from tabib.cli.interactive import environment_of, exit_code_for, streams, wants_tty
from tabib.cli.loading import load_project
from tabib.cli.operation import follow, progress_for
from tabib.cli.options import apply_all, command, dry_run_option, service_argument
from tabib.cli.overrides import mount_of, port_of
from tabib.cli.project import check_services
from tabib.cli.render.plan import print_plan
from tabib.cli.session import connect, engine_endpoint, who
from tabib.cli.settings import Settings
from tabib.model.errors import TabibError

if TYPE_CHECKING:
    from tabib.client.api import Client
    from tabib.client.sources import Sources
    from tabib.model.project import Project

_run_options = apply_all(
    click.option("--detach", "-d", is_flag=True, help="Leave it running, print its name."),
    click.option("remove", "--rm", is_flag=True, help="Remove the container at the end."),
    click.option("--name", default="", metavar="NAME", help="Name of the container."),
    click.option("--entrypoint", metavar="COMMAND", help="Instead of the image's entrypoint."),
    click.option("env", "--env", "-e", multiple=True, metavar="NAME=VALUE", help="Set a variable."),
    click.option("label", "--label", "-l", multiple=True, metavar="KEY=VALUE", help="Add a label."),
    click.option("volume", "--volume", "-v", multiple=True, metavar="SOURCE:TARGET",
                 help="Mount a folder or a volume."),
    click.option("publish", "--publish", "-p", multiple=True, metavar="PORTS",
                 help="Publish a port."),
    click.option("--service-ports", "-P", is_flag=True, help="Publish the service's own ports."),
    click.option("--use-aliases", is_flag=True, help="Answer to the service's network names."),
    click.option("--build", is_flag=True, help="Build the image first."),
    click.option("--no-deps", is_flag=True, help="Do not start dependencies."),
    click.option("--user", "-u", default="", metavar="USER[:GROUP]", help="As this user."),
    click.option("--workdir", "-w", default="", metavar="DIR", help="In this folder."),
    click.option("--interactive/--no-interactive", "-i", default=True, hidden=True),
    click.option("--no-tty", "-T", "--no-TTY", is_flag=True, help="No terminal for the program."),
    click.option("tty", "--tty", "-t", is_flag=True, hidden=True),
    click.option("--quiet", "-q", is_flag=True, help="Show no progress."),
)  # fmt: skip


@command(
    "run",
    taken=("-p",),
    passthrough=True,
    examples=(
        "tabib run --rm api python manage.py migrate",
        "tabib run --rm -p 8080:80 -e DEBUG=1 web",
        "tabib run --rm --no-deps --entrypoint sh web",
    ),
)
@_run_options
@dry_run_option
@service_argument
@click.argument("command_line", nargs=-1, metavar="[COMMAND...]")
@click.pass_obj
def run(settings: Settings, /, service: str, command_line: tuple[str, ...], **given: Any) -> int:
    """Run a command in a new container of SERVICE; its exit code becomes tabib's.

    Starts what the service depends on. Ports of the service are not published unless asked for.
    """
    settings.own_failure = exit_codes.OWN_FAILURE
    project = load_project(settings, [service])
    check_services(project, [service])
    tty = wants_tty(given["no_tty"], given["detach"])
    sources = sources_for(settings, project)
    given |= {"service": service, "tty": tty, "overrides": overrides_of(command_line, given)}
    body = _body(project, settings, given, sources)
    with connect(settings) as client:
        progress = progress_for(settings, quiet=given["quiet"] or given["dry_run"])
        chunks = sources.chunks if sources else None
        result = follow(client, f"/v1/projects/{project.name}/run", body, progress, chunks)
        if given["dry_run"]:
            print_plan(progress.board, Console(settings.ansi), settings.progress)
            return 0
        container = str(result["container"])
        if given["detach"]:
            client.post(f"/v1/containers/{quote(container)}/start")
            Console(settings.ansi).line(str(result.get("name") or container))
            return 0
        try:
            return _interact(client, settings, container, tty, given["interactive"])
        finally:
            if given["remove"]:
                with suppress(TabibError):
                    query = {"force": True, "volumes": True}
                    client.delete(f"/v1/containers/{quote(container)}", query)


def _body(
    project: Project, settings: Settings, given: Mapping[str, Any], sources: Sources | None
) -> bytes:
    from tabib.client.encode import encode
    from tabib.model.wire import RunRequest

    return encode(
        RunRequest(
            project=project,
            service=given["service"],
            name=given["name"],
            overrides=given["overrides"],
            tty=given["tty"],
            stdin_open=given["interactive"] and not given["detach"],
            no_deps=given["no_deps"],
            service_ports=given["service_ports"],
            use_aliases=given["use_aliases"],
            by=who(),
            dry_run=given["dry_run"],
            no_wait_lease=settings.no_wait,
            credentials={} if given["dry_run"] else pull_credentials(project, "", sources),
            build="always" if given["build"] else "",
            sources=sources.look(()) if sources else {},
        )
    )


def overrides_of(command_line: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Canonical service fields for what the command line says; only those that it says."""
    found: dict[str, Any] = {}
    if command_line:
        found["command"] = list(command_line)
    if given["entrypoint"] is not None:
        import shlex

        found["entrypoint"] = shlex.split(given["entrypoint"])
    if given["env"]:
        found["environment"] = environment_of(given["env"])
    if given["label"]:
        pairs = (text.partition("=") for text in given["label"])
        found["labels"] = {key: value for key, _, value in pairs}
    if given["volume"]:
        found["volumes"] = [mount_of(text) for text in given["volume"]]
    if given["publish"]:
        found["ports"] = [entry for text in given["publish"] for entry in port_of(text)]
    if given["user"]:
        found["user"] = given["user"]
    if given["workdir"]:
        found["working_dir"] = given["workdir"]
    return found


def _interact(
    client: Client, settings: Settings, container: str, tty: bool, interactive: bool
) -> int:
    from tabib.client.hijack import EngineDialer
    from tabib.client.terminal import Pump, raw_mode

    engine = EngineDialer(engine_endpoint(settings))
    own = streams(interactive=interactive)
    stream = engine.attach(container, stdin=interactive)
    path = f"/containers/{quote(container)}"
    try:
        client.post(f"/v1/containers/{quote(container)}/start")
        pump = Pump(
            stream,
            own,
            tty=tty,
            on_resize=(lambda rows, columns: engine.resize(path, rows, columns)) if tty else None,
            on_signal=lambda name: engine.kill(container, name),
        )
        with raw_mode(own.stdin if tty else None):
            pump.run()
    finally:
        stream.close()
    if pump.detached:
        return 0
    return exit_code_for(client.wait(container))
