"""``tabib checkup``."""

from __future__ import annotations

from typing import Any

import click

from tabib.cli.console import Console
from tabib.cli.exit_codes import DONE, FOUND_TROUBLE
from tabib.cli.options import command, json_option
from tabib.cli.render.checkup import Row, at_least, counted, json_rows, totals
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

FORMATS = ("text", "json", "sarif", "junit")
LIMITS = ("info", "warning", "error", "critical", "never")


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from tabib.cli.complete import complete_targets

    return complete_targets(ctx, parameter, incomplete)


@command(
    "checkup",
    examples=(
        "tabib checkup                       the project here; without a file all that runs",
        "tabib --no-daemon checkup --all     on a stranger's host: nothing goes on running",
        "tabib checkup shop/api -v           one service, with evidence and advice",
        "tabib checkup --fail-on warning --ignore 'memory.*' --format sarif -o checkup.sarif",
    ),
)
@click.argument("targets", nargs=-1, metavar="[TARGET]...", shell_complete=_complete)
@click.option("everything", "--all", "-a", is_flag=True, help="All that is on the engine.")
@click.option("--verbose", "-v", is_flag=True, help="Evidence and advice of each finding.")
@click.option("grades_only", "--grades", is_flag=True, help="Only the grade of each project.")
@click.option(
    "style", "--format", type=click.Choice(FORMATS), help="How to print it (default: text)."
)
@click.option("output", "--output", "-o", metavar="FILE", help="Write it to FILE.")
@click.option(
    "fail_on", "--fail-on", type=click.Choice(LIMITS), default="error",
    help="Exit with 1 where a finding is as grave as this (default: error).",
)  # fmt: skip
@click.option(
    "ignored", "--ignore", multiple=True, metavar="CODE",
    help="Leave these findings out; patterns such as 'security.*' too.",
)  # fmt: skip
@click.option("--offline", is_flag=True, help="Ask no registry for newer images.")
@json_option
@click.pass_obj
def checkup(
    settings: Settings,
    targets: tuple[str, ...],
    everything: bool,
    verbose: bool,
    grades_only: bool,
    style: str | None,
    output: str | None,
    fail_on: str,
    ignored: tuple[str, ...],
    offline: bool,
    as_json: bool,
) -> int:
    """Look for what is wrong, or will be: on all that runs, also what tabib did not start.

    TARGET is a project, a service, a container, an id, or `node`. Nothing is changed.
    """
    style = _style(style, as_json=as_json)
    if everything and targets:
        raise UsageError("--all and a TARGET exclude each other", attempted="make a checkup")
    query = {
        "target": list(targets) or None,
        "project": None if everything else _at_hand(settings, targets),
        "ignore": [code.strip() for text in ignored for code in text.split(",") if code.strip()],
        "offline": offline,
    }
    with connect(settings) as client:
        answer: Row = client.get("/v1/checkup", query)
    console = Console("never" if output else settings.ansi)
    text = _rendered(answer, style, console, fail_on, verbose=verbose, grades_only=grades_only)
    if output:
        _write(output, text)
        found = counted(totals(answer["findings"])) or "nothing is wrong"
        Console(settings.ansi).say(f"{found}; written to {output}")
    else:
        console.write(text)
    if any(at_least(one["severity"], fail_on) for one in answer["findings"]):
        return FOUND_TROUBLE
    return DONE


def _style(style: str | None, *, as_json: bool) -> str:
    """
    :raises UsageError: two formats are asked for.
    """
    if as_json and style not in (None, "json"):
        raise UsageError(f"--json and --format {style} exclude each other",
                         attempted="make a checkup")  # fmt: skip
    return "json" if as_json else style or "text"


def _at_hand(settings: Settings, targets: tuple[str, ...]) -> str | None:
    from tabib.cli.recorded import at_hand

    return at_hand(settings, targets[0] if targets else "") or None


def _rendered(
    answer: Row, style: str, console: Console, fail_on: str, *, verbose: bool, grades_only: bool
) -> str:
    if style == "sarif":
        from tabib.cli.loading import here
        from tabib.cli.render.checkup.sarif import sarif

        return sarif(answer, here())
    if style == "junit":
        from tabib.cli.render.checkup.junit import junit

        return junit(answer, fail_on)
    if style == "json":
        return _json(list(answer["grades"]) if grades_only else json_rows(answer))
    from tabib.cli.render.checkup.text import grade_lines, lines

    shown = grade_lines(answer, console) if grades_only else lines(answer, console, verbose=verbose)
    return "".join(f"{line}\n" for line in shown)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _write(path: str, text: str) -> None:
    """
    :raises UsageError: the file cannot be written.
    """
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            error.strerror or str(error), attempted="write", target=path,
            advice="Name a file in a folder that you may write to.",
        ) from error  # fmt: skip
