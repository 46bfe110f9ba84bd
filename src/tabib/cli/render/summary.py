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
    state = _standing(result, console)
    if not (changed or result.get("changed")):
        name = f"{result['project']}: " if result.get("project") else ""
        # A release all the same: of what no container shows (care, copies, limits).
        release = f"; release {result['release']}" if result.get("release") else ""
        return f"{name}nothing to do, {state}{release}"
    text = state
    if result.get("seconds") is not None:
        text += f" in {duration(float(result['seconds']))}"
    if result.get("release"):
        text += f"; release {result['release']}"
    details = ", ".join(f"{len(names)} {word}" for word, names in changed.items())
    return f"{text} ({details})" if details else text


def _standing(result: Mapping[str, Any], console: Console) -> str:
    """``4 containers healthy``, ``3 containers running, 1 finished``."""
    counts = result.get("containers")
    if not isinstance(counts, Mapping):
        touched = {
            name for word in ("created", "recreated", "started") for name in result.get(word) or ()
        }
        word = "healthy" if result.get("healthy") else "started"
        number = f"{count(len(touched), 'container')} " if touched else ""
        return number + console.paint_err(word, "green")
    running, finished = int(counts.get("running") or 0), int(counts.get("finished") or 0)
    word = "healthy" if running and counts.get("healthy") == running else "running"
    text = f"{count(running, 'container')} {console.paint_err(word, 'green')}"
    idle = int(counts.get("total") or 0) - running - finished
    text += f", {finished} finished" if finished else ""
    return text + (f", {idle} not running" if idle > 0 else "")


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


def build_summary(result: Mapping[str, Any]) -> str:
    """``2 images built in 6.2 s, 1 pushed``."""
    images = result.get("images") or {}
    if not images:
        return f"{result.get('project')}: no service has anything to build"
    text = f"{count(len(images), 'image')} built in {duration(float(result.get('seconds') or 0))}"
    pushed = result.get("pushed") or ()
    return f"{text}, {len(pushed)} pushed" if pushed else text


def transfer_summary(verb: str, result: Mapping[str, Any]) -> list[str]:
    """``2 images pulled in 6.2 s``, before it what was left out, and why."""
    lines = [f"{name}: left out: {why}" for name, why in (result.get("skipped") or {}).items()]
    images, failed = result.get("images") or {}, result.get("failed") or {}
    done = {"pull": "pulled", "push": "pushed"}[verb]
    text = f"{count(len(images), 'image')} {done}"
    if images:
        text += f" in {duration(float(result.get('seconds') or 0))}"
    return [*lines, f"{text}, {len(failed)} failed" if failed else text]
