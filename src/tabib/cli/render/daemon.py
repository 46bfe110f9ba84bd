"""The daemon's state for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.table import table
from tabib.cli.render.units import age, duration, size


def status_lines(answer: Mapping[str, Any], console: Console, now: datetime) -> list[str]:
    """What ``GET /v1/daemon/status`` says: itself, its state folder, a table of engines."""
    state = answer.get("state") or {}
    lines = [
        f"tabib daemon {answer.get('version')}, pid {answer.get('pid')}, "
        f"up {age(answer.get('started_at'), now)}",
        f"{size(int(answer.get('memory_bytes') or 0))} of memory, "
        f"{duration(float(answer.get('cpu_seconds') or 0))} of CPU",
        f"state in {state.get('dir')}: journal {size(int(state.get('journal_bytes') or 0))}, "
        f"{_mode(str(state.get('mode') or ''), console)}",
    ]
    engines = answer.get("engines") or ()
    if not engines:
        return [*lines, "no engine yet: it learns of engines from the commands that are given"]
    cells = [
        (
            str(engine.get("endpoint") or ""),
            _connected(bool(engine.get("connected")), console),
            str(engine.get("owner") or ""),
            str(engine.get("mode") or ""),
            str(engine.get("events_seen") or 0),
            str(engine.get("resyncs") or 0),
            ", ".join(map(_name, engine.get("projects") or ())),
        )
        for engine in engines
    ]
    headings = ("ENGINE", "STATE", "OWNER", "CARE", "EVENTS", "RESYNCS", "PROJECTS")
    return [*lines, "", *table(headings, cells)]


def _mode(mode: str, console: Console) -> str:
    return console.paint(mode, "green" if mode in ("ok", "normal", "act") else "yellow")


def _connected(connected: bool, console: Console) -> str:
    return console.paint("connected", "green") if connected else console.paint("lost", "red")


def _name(project: Any) -> str:
    return str(project.get("project") or project) if isinstance(project, dict) else str(project)
