"""The root command: a table of commands, each imported only when it is called."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

import click

from tabib.cli.later import LATER, explain
from tabib.cli.options import Command, global_options
from tabib.cli.signals import ReaderGone

# name → (module under tabib.cli.commands, attribute, one line for the list)
SECTIONS: dict[str, dict[str, tuple[str, str, str]]] = {
    "Run a project": {
        "up": ("up", "up", "Make the project run, wait until it is healthy."),
        "down": ("down", "down", "Stop and remove the project's containers and networks."),
        "start": ("actions", "start", "Start stopped containers."),
        "stop": ("actions", "stop", "Stop containers; they stay stopped."),
        "restart": ("actions", "restart", "Restart containers."),
        "kill": ("actions", "kill", "Send a signal to containers."),
        "pause": ("actions", "pause", "Freeze containers."),
        "unpause": ("actions", "unpause", "Let frozen containers go on."),
        "rm": ("actions", "rm", "Remove stopped containers."),
        "scale": ("scale", "scale", "Set how many containers a service has."),
        "run": ("run", "run", "Run a one-off command in a new container."),
        "exec": ("exec", "exec_", "Run a command in a running container."),
        "cp": ("cp", "cp", "Copy files from or to a container."),
    },
    "Images": {
        "build": ("build", "build", "Build the images of services."),
        "pull": ("pull", "pull", "Pull the images of services."),
        "push": ("push", "push", "Push the images that are built here."),
    },
    "Look": {
        "ps": ("ps", "ps", "List containers."),
        "ls": ("ls", "ls", "List projects."),
        "logs": ("logs", "logs", "Show what containers wrote."),
        "images": ("images", "images", "List the images that containers use."),
        "port": ("port", "port", "Show where a port is published."),
        "config": ("config", "config", "Check the Compose file and print it in full."),
        "top": ("top", "top", "Show what runs with its figures, live."),
        "history": ("history", "history", "Show figures over time, of what is gone too."),
        "processes": ("processes", "processes", "Show every process that ran, and how it ended."),
        "events": ("events", "events", "Show what the engine reported."),
        "metrics": ("metrics", "metrics", "Print figures as Prometheus reads them."),
        "inspect": ("inspect", "inspect", "Show how something is, or was at a time."),
        "releases": ("releases", "releases", "List the deployments of a project."),
    },
    "Care": {
        "checkup": ("checkup", "checkup", "Look for what is wrong, or will be, on all that runs."),
        "incidents": ("incidents", "incidents", "List what went wrong and what was done."),
        "incident": ("incidents", "incident", "Explain one incident."),
        "report": ("report", "report", "Make a report of an incident, or of some days."),
        "notify": ("notify", "notify", "Show and test who is told about incidents."),
        "adopt": ("adopt", "adopt", "Take a running project into care."),
        "disown": ("adopt", "disown", "Let a project go; nothing is stopped."),
    },
    "Data": {
        "backup": ("backup", "backup", "Copy the project's data into its repository."),
        "snapshots": ("snapshots", "snapshots", "List the copies of data."),
        "snapshot": ("snapshot", "snapshot", "Look into one copy, export, hold or remove it."),
        "restore": ("restore", "restore", "Bring data back from a snapshot."),
        "recover": ("recover", "recover", "Rebuild projects on a bare machine."),
        "drill": ("drill", "drill", "Rehearse a restore: does the newest copy hold?"),
    },
    "tabib itself": {
        "daemon": ("daemon", "daemon", "Run, start, stop or install the daemon."),
        "version": ("version", "version", "Show versions of command and daemon."),
        "completion": ("completion", "completion", "Print the shell's completion script."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
ALIASES = {"release": "releases", "convert": "config"}


class Root(Command, click.Group):
    """Finds commands by the table; unknown names get a suggestion."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # click would make exit code 1 of it.
            raise ReaderGone from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        module = import_module(f"tabib.cli.commands.{entry[0]}")
        found: click.Command = getattr(module, entry[1])
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and name not in ALIASES and not name.startswith("-"):
            raise click.UsageError(unknown_command(name), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry[2]) for name, entry in entries.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        # click's own would import every command for its help line.
        from click.shell_completion import CompletionItem

        items = [
            CompletionItem(name, help=entry[2])
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)


def unknown_command(name: str) -> str:
    """What to say about a command that is not in the table."""
    if name in LATER:
        return explain(name)
    near = difflib.get_close_matches(name, [*COMMANDS, *LATER], n=1)
    hint = f" Did you mean `tabib {near[0]}`?" if near else " See `tabib --help`."
    return f"there is no command `{name}`.{hint}"


@click.group(
    "tabib",
    cls=Root,
    examples=(
        "tabib up                    make compose.yaml run, and care for it",
        "tabib ps                    what runs, and how it is",
        "tabib incidents             what went wrong, and what was done about it",
    ),
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    invoke_without_command=True,
)
@global_options(root=True)
@click.option("--version", is_flag=True, help="Show the version of this command.")
@click.pass_context
def root(ctx: click.Context, version: bool) -> None:
    """The physician of your containers: runs Compose apps and heals them by itself."""
    if version:
        from tabib import __version__

        click.echo(f"tabib {__version__}")
        ctx.exit(0)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
