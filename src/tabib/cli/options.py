"""Options that many commands share, and the command class with examples in its help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from tabib.cli.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        if ctx.parent is not None:
            formatter.write_paragraph()
            formatter.write_text("Global options: see `tabib --help`.")


def settings_of(ctx: click.Context) -> Settings:
    """The settings of this run."""
    return ctx.find_root().ensure_object(Settings)


@dataclass(frozen=True, slots=True)
class _Global:
    """One global option and the field of :class:`Settings` that it sets."""

    names: tuple[str, ...]
    field: str
    help: str
    metavar: str | None = None
    multiple: bool = False
    flag_value: Any = None
    choices: tuple[str, ...] = ()
    compose: bool = False
    """Shown in the help of each command that reads a project."""
    hidden: bool = False


_GLOBALS = (
    _Global(("-f", "--file"), "files", "Compose file; several are merged.", "FILE", True,
            compose=True),
    _Global(("-p", "--project-name"), "project_name", "Name of the project.", "NAME",
            compose=True),
    _Global(("--profile",), "profiles", "Enable a profile; several may be given.", "NAME", True,
            compose=True),
    _Global(("--env-file",), "env_files", "Read variables from this file instead of .env.",
            "FILE", True, compose=True),
    _Global(("--project-directory",), "project_directory",
            "Folder that relative paths start from.", "DIR", compose=True),
    _Global(("--allow-remote",), "allow_remote",
            "Fetch Compose files that stand in a git repository.", flag_value=True, compose=True),
    _Global(("--context",), "context", "Docker context that names the engine.", "NAME"),
    _Global(("--cluster",), "cluster", "Cluster to act on.", "NAME", hidden=True),
    _Global(("--host",), "host", "The daemon to speak to: unix:///path or http://host:port.",
            "URL"),
    _Global(("--state-dir",), "state_dir", "Folder of the daemon's state.", "DIR"),
    _Global(("--no-daemon",), "no_daemon",
            "Use a private daemon for the length of this command.", flag_value=True),
    _Global(("--log-level",), "log_level", "Of a daemon that is started.", "LEVEL",
            choices=("debug", "info", "warning", "error")),
    _Global(("--ansi",), "ansi", "Colours and live display.", choices=("auto", "never", "always")),
    _Global(("--no-color", "--no-ansi"), "ansi", "No colours.", flag_value="never"),
    _Global(("--progress",), "progress", "How progress is shown.",
            choices=("auto", "tty", "plain", "json", "quiet")),
    _Global(("--no-wait",), "no_wait",
            "Fail instead of waiting for another operation on the project.", flag_value=True),
)  # fmt: skip


def _setter(option: _Global) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def set_value(ctx: click.Context, _: click.Parameter, value: Any) -> Any:
        settings = settings_of(ctx)
        if option.multiple:
            setattr(settings, option.field, (*getattr(settings, option.field), *value))
        elif value not in (None, False, ""):
            setattr(settings, option.field, value)
        return value

    return set_value


def _click_option(option: _Global, taken: Sequence[str], hidden: bool) -> Callable[[F], F]:
    names = [name for name in option.names if name not in taken]
    keywords: dict[str, Any] = {"help": option.help, "hidden": hidden}
    if option.flag_value is not None:
        keywords |= {"is_flag": True, "flag_value": option.flag_value, "default": None}
    elif option.choices:
        keywords |= {"type": click.Choice(option.choices)}
    else:
        keywords |= {"metavar": option.metavar, "multiple": option.multiple}
    parameter = f"global_{names[-1].strip('-').replace('-', '_')}"
    return click.option(parameter, *names, expose_value=False, callback=_setter(option), **keywords)


def global_options(taken: Sequence[str] = (), *, root: bool = False) -> Callable[[F], F]:
    """Every global option. Beside a command, short names in ``taken`` are the command's own."""

    def decorate(function: F) -> F:
        for option in reversed(_GLOBALS):
            hidden = option.hidden or not (root or option.compose)
            function = _click_option(option, taken, hidden)(function)
        return function

    return decorate


def command(
    name: str,
    *,
    examples: Sequence[str],
    taken: Sequence[str] = (),
    passthrough: bool = False,
) -> Callable[[Callable[..., Any]], Command]:
    """A tabib command: global options after its name too, and examples in the help.

    ``passthrough``: what follows the first argument belongs to a program in a container.
    """
    context: dict[str, Any] = {"help_option_names": ["--help", "-h"]}
    if "-h" in taken:
        context["help_option_names"] = ["--help"]
    if passthrough:
        context["allow_interspersed_args"] = False

    def decorate(function: Callable[..., Any]) -> Command:
        decorated = global_options(taken)(function)
        return click.command(name, cls=Command, examples=examples, context_settings=context)(
            decorated
        )

    return decorate


# ── options of several commands ────────────────────────────────────────────────────────────────


def services_argument(function: F) -> F:
    from tabib.cli.complete import complete_services

    return click.argument("services", nargs=-1, shell_complete=complete_services)(function)


def service_argument(function: F) -> F:
    from tabib.cli.complete import complete_services

    return click.argument("service", shell_complete=complete_services)(function)


def project_argument(function: F) -> F:
    from tabib.cli.complete import complete_projects

    return click.argument("project", shell_complete=complete_projects)(function)


def target_argument(function: F) -> F:
    """A project, service, container, id or ``node``; not given: the project here, else all."""
    from tabib.cli.complete import complete_targets

    return click.argument("target", default="", shell_complete=complete_targets)(function)


def json_option(function: F) -> F:
    return click.option("as_json", "--json", is_flag=True, help="Print JSON.")(function)


def dry_run_option(function: F) -> F:
    return click.option(
        "--dry-run", is_flag=True, help="Show each step with its reason; change nothing."
    )(function)


def yes_option(function: F) -> F:
    return click.option(
        "--yes", "-y", is_flag=True, help="Carry out a plan even if it loses data."
    )(function)


def timeout_option(function: F) -> F:
    return click.option(
        "timeout_s",
        "--timeout",
        "-t",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Grace before a container that is stopped is killed.",
    )(function)


def index_option(function: F) -> F:
    return click.option(
        "--index", type=click.IntRange(min=1), help="Which container of the service."
    )(function)


def apply_all(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several decorators as one, in reading order."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


changing_options = apply_all(dry_run_option, yes_option)
