"""One line at the end of an operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.units import duration


def count(things: Sequence[Any] | int, noun: str) -> str:
    """``1 container``, ``4 containers``."""
    number = things if isinstance(things, int) else len(things)
    return f"{number} {noun}" + ("" if number == 1 else "s")


def up_summary(result: Mapping[str, Any], console: Console) -> str:
    """``4 containers healthy in 6.2 s; release 3 (2 created, 1 recreated)``."""
    changed = {
        word: list(result.get(word) or ())
        for word in ("created", "recreated", "removed")
        if result.get(word)
    }
    standing = {
        name
        for word in ("created", "recreated", "started", "unchanged")
        for name in result.get(word) or ()
    }
    healthy = bool(result.get("healthy"))
    state = console.paint_err("healthy", "green") if healthy else "started"
    if not (changed or result.get("changed")):
        number = f"{count(len(standing), 'container')} " if standing else ""
        name = f"{result['project']}: " if result.get("project") else ""
        return f"{name}nothing to do, {number}{state}"
    text = f"{count(len(standing), 'container')} {state}"
    if result.get("seconds") is not None:
        text += f" in {duration(float(result['seconds']))}"
    if result.get("release"):
        text += f"; release {result['release']}"
    details = ", ".join(f"{len(names)} {word}" for word, names in changed.items())
    return f"{text} ({details})" if details else text


def unattended_note(services: Sequence[str]) -> str:
    """What a person should know about services without a restart policy."""
    names = ", ".join(services)
    return (
        f"only the tabib daemon restarts {names}, also after a reboot: "
        "the file has no `restart:` for " + ("it" if len(services) == 1 else "them")
    )


def down_summary(name: str, result: Mapping[str, Any]) -> str:
    removed, volumes = list(result.get("removed") or ()), list(result.get("volumes") or ())
    if not removed and not volumes:
        return f"{name}: nothing to take down"
    text = f"{name} is down: {len(removed)} removed"
    return f"{text}, with {count(volumes, 'volume')}" if volumes else text


def action_summary(done: str, result: Mapping[str, Any], touched: Sequence[str]) -> str:
    """``stopped 3 containers``; ``touched``: what was seen to change, if the result names none."""
    containers = list(result.get("containers") or touched)
    return f"{done} {count(containers, 'container')}" if containers else "nothing to do"
