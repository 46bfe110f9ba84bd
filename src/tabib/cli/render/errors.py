"""The one place where errors become words."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from tabib import __version__
from tabib.cli.console import Console
from tabib.cli.settings import Settings
from tabib.model.errors import ConfigError, Interrupted, TabibError


def report(error: TabibError, settings: Settings) -> None:
    """Print ``error`` for a person on standard error."""
    console = Console(settings.ansi)
    for line in error_lines(error, console):
        console.say(line)


def error_lines(error: TabibError, console: Console) -> list[str]:
    """What is said about ``error``: a headline, each problem with its source, what to do next."""
    name = console.paint_err("tabib", "red", "bold")
    problems: list[Mapping[str, Any]] = []
    if isinstance(error, ConfigError):
        problems = list(error.details.get("problems") or ())
    if len(problems) == 1 and not problems[0].get("line"):
        lines = _placeless(problems[0], name, console)
    elif problems:
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        lines = [f"{name}: {count} in the configuration"]
        for problem in problems:
            lines += _problem_lines(problem, console)
    else:
        lines = [f"{name}: {headline(error)}"]
    tail = error.details.get("log_tail") or ()
    if tail:
        name = error.details.get("container") or error.target or "the container"
        lines.append(f"  the last lines of {name}:")
        lines += [f"    {console.paint_err('│', 'dim')} {text}" for text in list(tail)[-10:]]
    if error.advice:
        lines.append(f"  {console.paint_err('→', 'cyan')} {error.advice}")
    return lines


def _placeless(problem: Mapping[str, Any], name: str, console: Console) -> list[str]:
    """The only problem, and it stands in no line: it is the headline."""
    file = f"{_short(str(problem['file']))}: " if problem.get("file") else ""
    path = f"{problem['path']}: " if problem.get("path") else ""
    lines = [f"{name}: {file}{path}{problem.get('message')}"]
    if problem.get("suggestion"):
        lines.append(f"  {console.paint_err('→', 'cyan')} {problem['suggestion']}")
    return lines


def _short(path: str) -> str:
    """Relative to the folder here, where it is below it."""
    relative = os.path.relpath(path) if os.path.isabs(path) else path
    return path if relative.startswith("..") else relative


def headline(error: TabibError) -> str:
    """``cannot <attempted> <target>: <happened>`` as far as they are known."""
    head = " ".join(part for part in (error.attempted, error.target) if part)
    if not head:
        return error.happened
    # A person who asked to stop has not failed at anything.
    lead = "" if isinstance(error, Interrupted) else "cannot "
    return f"{lead}{head}: {error.happened}"


def _problem_lines(problem: Mapping[str, Any], console: Console) -> list[str]:
    place = _short(str(problem.get("file") or ""))
    line, column = int(problem.get("line") or 0), int(problem.get("column") or 0)
    if place and line:
        place += f":{line}" + (f":{column}" if column else "")
    path = str(problem.get("path") or "")
    message = str(problem.get("message") or "")
    text = f"{path}: {message}" if path and not message.startswith(path) else message
    lines = [f"  {console.paint_err(place, 'bold')}: {text}" if place else f"  {text}"]
    source = str(problem.get("source") or "").rstrip("\n")
    if source and line:
        number = f"{line:>5}"
        bar = console.paint_err("│", "dim")
        lines.append(f"  {number} {bar} {source}")
        if column:
            lines.append(
                f"  {'':>5} {bar} {_indent(source, column)}{_caret(source, column, console)}"
            )
    if problem.get("suggestion"):
        lines.append(f"  {'':>5} {console.paint_err('→', 'cyan')} {problem['suggestion']}")
    return lines


def _indent(source: str, column: int) -> str:
    """White space as wide as what stands before ``column`` (tabs stay tabs)."""
    return "".join("\t" if char == "\t" else " " for char in source[: column - 1])


def _caret(source: str, column: int, console: Console) -> str:
    word = 0
    for char in source[column - 1 :]:
        if char.isspace() or char in ":,]}":
            break
        word += 1
    return console.paint_err("^" * max(word, 1), "red")


def report_usage(error: click.ClickException, settings: Settings) -> None:
    """Wrong usage: what is wrong, and where to read on."""
    console = Console(settings.ansi)
    context = getattr(error, "ctx", None)
    console.say(f"{console.paint_err('tabib', 'red', 'bold')}: {error.format_message()}")
    if context is not None and context.parent is not None:
        console.say(f"  {console.paint_err('→', 'cyan')} See `{context.command_path} --help`.")


def report_crash(error: Exception, settings: Settings) -> None:
    """A bug of ours: a short message, and the traceback in a file."""
    console = Console(settings.ansi)
    where = write_crash_file(error, settings.state_dir)
    console.say(
        f"{console.paint_err('tabib', 'red', 'bold')}: this is a bug in tabib: "
        f"{type(error).__name__}: {error}"
    )
    if where:
        console.say(f"  {console.paint_err('→', 'cyan')} Please report it with {where}")


def write_crash_file(error: Exception, state_dir: str) -> str:
    """The traceback in a new file in the state folder, else the temporary one; its path.

    Holds no values of variables. ``""`` where neither folder can be written.
    """
    from tabib.model import paths

    state = paths.state_dir(os.environ, os.getuid(), state_dir)
    text = (
        f"tabib {__version__}, Python {sys.version.split()[0]}, "
        f"{datetime.now(UTC).isoformat(timespec='seconds')}\n"
        f"command: {' '.join(sys.argv[1:2])}\n\n"
    ) + "".join(traceback.format_exception(error))
    for folder in (state, tempfile.gettempdir()):
        try:
            descriptor, path = tempfile.mkstemp(".txt", "crash-", folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            continue
        return path
    return ""
