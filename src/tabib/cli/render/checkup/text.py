"""A checkup for people: what to do first, then each project, the worst first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from tabib.cli.console import Console
from tabib.cli.render.checkup import SEVERITIES, Row, counted, totals
from tabib.cli.render.table import printable

_COLOURS = {"critical": "red", "error": "red", "warning": "yellow", "info": "dim"}
_GRADE_COLOURS = {"A": "green", "B": "green", "C": "yellow", "D": "yellow"}
_NODE = "node"
_TARGETS = 4
_WIDTH = 100


def lines(answer: Row, console: Console, *, verbose: bool) -> list[str]:
    """The page."""
    found = [console.paint(_headline(answer), "bold"), ""]
    if answer["first"]:
        found += [console.paint("Do first", "bold"), *_first(answer["first"], console), ""]
    for grade in answer["grades"]:
        mine = [one for one in answer["findings"] if one["project"] == grade["project"]]
        found += [_grade(grade, console), *_project(mine, console, verbose=verbose), ""]
    found += _end(answer, console, verbose=verbose)
    while found and not found[-1]:
        found.pop()
    return found


def grade_lines(answer: Row, console: Console) -> list[str]:
    """One line for each project."""
    return [_grade(grade, console) for grade in answer["grades"]]


def _headline(answer: Row) -> str:
    count = answer["containers"]
    looked = f"{count} container{'s' * (count != 1)}"
    what = counted(totals(answer["findings"])) or "nothing is wrong"
    return f"{printable(answer['target'])}: {looked} looked at, {what}"


def _first(priorities: Sequence[Row], console: Console) -> Iterable[str]:
    for number, one in enumerate(priorities, 1):
        yield from textwrap.wrap(
            printable(one["advice"]), _WIDTH, initial_indent=f"  {number}. ",
            subsequent_indent="     ", break_on_hyphens=False,
        )  # fmt: skip
        severity = _painted(one["severity"], console)
        yield f"     {severity} {one['code']}: {_targets(one['targets'])}"


def _grade(grade: Row, console: Console) -> str:
    project = str(grade["project"])
    name = {"": "(no project)", _NODE: "the machine"}.get(project, project)
    letter = console.paint(grade["grade"], "bold", _GRADE_COLOURS.get(grade["grade"], "red"))
    what = counted(grade["findings"]) or "nothing is wrong"
    return f"{letter} {grade['score']:>3}  {console.paint(printable(name), 'bold')}: {what}"


def _project(findings: Sequence[Row], console: Console, *, verbose: bool) -> Iterable[str]:
    """What several services have in the same words stands in one line."""
    groups: dict[tuple[int, str, str], list[Row]] = {}
    for one in findings:
        key = (SEVERITIES.index(one["severity"]), one["code"], one["summary"])
        groups.setdefault(key, []).append(one)
    for (_, code, summary), those in sorted(groups.items(), key=lambda item: item[0][:2]):
        severity = _painted(those[0]["severity"], console)
        where = "" if those[0]["target"] == _NODE else f"{_targets(_short(those))}: "
        yield f"  {severity} {where}{printable(summary)} {console.paint(f'[{code}]', 'dim')}"
        if verbose:
            yield from _evidence(those, console)
            yield from textwrap.wrap(
                printable(those[0]["advice"]), _WIDTH, initial_indent="           → ",
                subsequent_indent="             ", break_on_hyphens=False,
            )  # fmt: skip


def _evidence(findings: Sequence[Row], console: Console) -> Iterable[str]:
    for one in findings:
        place = f"{one['target']}, " if len(findings) > 1 else ""
        for evidence in one["evidence"]:
            text = f"{place}{evidence['source']}: {evidence['text']}"
            yield console.paint(f"           · {printable(text)}", "dim")


def _end(answer: Row, console: Console, *, verbose: bool) -> Iterable[str]:
    for note in answer["notes"]:
        yield console.paint(f"not looked at: {printable(note)}", "dim")
    if answer["ignored"]:
        yield console.paint(f"{answer['ignored']} left out, as you said", "dim")
    if answer["findings"] and not verbose:
        yield console.paint("-v shows the evidence, and what to do about each", "dim")


def _short(findings: Iterable[Row]) -> list[str]:
    """Names within their project."""
    return [str(one["service"] or one["target"]) for one in findings]


def _targets(targets: Sequence[str]) -> str:
    more = f" and {len(targets) - _TARGETS} more" if len(targets) > _TARGETS else ""
    return printable(", ".join(targets[:_TARGETS])) + more


def _painted(severity: str, console: Console) -> str:
    return console.paint(f"{severity:<8}", _COLOURS[severity])
