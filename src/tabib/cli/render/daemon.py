"""The daemon's state for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.notify import trouble_lines
from tabib.cli.render.table import table
from tabib.cli.render.units import age, duration, local_time, size


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
    return [
        *lines, "", *table(headings, cells), *_recorders(engines, console),
        *_notify(answer.get("notify") or (), console),
    ]  # fmt: skip


def _notify(rows: Sequence[Mapping[str, Any]], console: Console) -> list[str]:
    """Whether those who are to be told can be; nothing where nobody is."""
    if not rows:
        return []
    ids = {row["id"] for row in rows}
    waiting = sum({row["id"]: int(row.get("waiting") or 0) for row in rows}.values())
    rest = f", {waiting} waiting" if waiting else ""
    head = f"{console.paint('Notifications', 'bold')}: to {len(ids)}{rest}"
    return ["", head, *(f"  {line}" for line in trouble_lines(rows, console))]


def _recorders(engines: Sequence[Mapping[str, Any]], console: Console) -> list[str]:
    """How each engine is recorded; what is missing is told once, with how to grant it."""
    lines: list[str] = []
    told: set[str] = set()
    for engine in engines:
        found = engine.get("recorder")
        name = f" of {engine.get('endpoint')}" if len(engines) > 1 else ""
        head = console.paint(f"Recorder{name}", "bold")
        if not found:
            lines += ["", f"{head}: off"]
            continue
        lines += ["", f"{head}: {_rhythm(found)}", *_stores(found)]
        troubles = [*found.get("trouble", ()), *(found[one]["trouble"] for one in _STORES)]
        lines += [f"  {console.paint('trouble', 'red')}: {text}" for text in troubles if text]
        for one in found.get("missing") or ():
            if one["what"] not in told:
                told.add(one["what"])
                lines.append(f"  {console.paint('missing', 'yellow')}: {one['what']}: {one['why']}")
                lines.append(f"    {console.paint('→', 'cyan')} {one['how']}")
    return lines


_STORES = ("series", "logs")


def _rhythm(found: Mapping[str, Any]) -> str:
    why = {"usual": "", "watched": ", since somebody looks", "incident": ", for an incident",
           "release": ", after a release"}  # fmt: skip
    lost = int(found.get("processes_lost") or 0)
    return (
        f"every {found['interval_s']:g} s{why.get(found['why'], '')}; "
        f"{found['containers']} containers in {found['tick_seconds'] * 1000:.0f} ms, "
        f"{found['processes']} processes"
        + (f" (the kernel's streams overflowed {lost} times)" if lost else "")
    )


def _stores(found: Mapping[str, Any]) -> list[str]:
    parts = []
    for name in _STORES:
        store = found[name]
        since = f" since {local_time(store['oldest'])}" if store.get("oldest") else ""
        parts.append(f"{name} {size(store['bytes'])}{since}")
        if store.get("unwritten") or store.get("dropped"):
            parts.append(f"{store['unwritten']} not on the disk yet, {store['dropped']} let go")
    return [f"  {', '.join(parts)}"]


def _mode(mode: str, console: Console) -> str:
    return console.paint(mode, "green" if mode in ("ok", "normal", "act") else "yellow")


def _connected(connected: bool, console: Console) -> str:
    return console.paint("connected", "green") if connected else console.paint("lost", "red")


def _name(project: Any) -> str:
    return str(project.get("project") or project) if isinstance(project, dict) else str(project)
