"""A plan for people: each step with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.board import Board
from tabib.cli.render.table import table

_COLORS = {"create": "green", "start": "green", "unpause": "green", "remove": "red", "kill": "red",
           "stop": "yellow", "restart": "yellow", "pause": "yellow"}  # fmt: skip


def print_plan(board: Board, console: Console, style: str = "auto") -> None:
    """The plan on standard output; as one JSON array with ``--progress json``."""
    if style == "json":
        return  # The stream's own messages were printed already.
    for line in plan_lines(board, console):
        console.line(line)


def plan_lines(board: Board, console: Console) -> list[str]:
    """``N steps`` and one line for each; a sentence where there is nothing to do."""
    steps = [step for step in board.plan if step.get("verb") != "wait"]
    if not steps:
        return [f"{board.project}: nothing to do", *_notes(board)]
    count = f"{len(steps)} step" + ("s" if len(steps) > 1 else "")
    release = f", release {board.release}" if board.release else ""
    rows = [_row(step, console) for step in board.plan]
    body = table(("STEP", "ON", "WHY"), rows)
    return [f"{board.project}: {count}{release}", *(f"  {line}" for line in body), *_notes(board)]


def _row(step: Mapping[str, Any], console: Console) -> tuple[str, str, str]:
    verb = str(step.get("verb", "")).replace("_", " ")
    noun = verb.rpartition(" ")[2]
    color = _COLORS.get(verb.split(" ")[0], "")
    return (
        console.paint(verb, color) if color else verb,
        str(step.get("subject", "")).removeprefix(f"{noun} "),
        str(step.get("reason", "")),
    )


def _notes(board: Board) -> list[str]:
    return [f"note: {text}" for text in board.notes]
