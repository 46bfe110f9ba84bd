"""The engine's events in words; what only repeats is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.table import printable
from tabib.cli.render.units import local_time
from tabib.decide.process_tree import signal_name

Row = Mapping[str, Any]
_QUIET = frozenset({"mount", "unmount", "tag", "untag"})
"""Actions that accompany others."""
_WORDS = {
    "create": ("created", ""),
    "start": ("started", "green"),
    "stop": ("stopped", "yellow"),
    "restart": ("restarted", "yellow"),
    "destroy": ("removed", "yellow"),
    "remove": ("removed", "yellow"),
    "pause": ("frozen", "yellow"),
    "unpause": ("goes on", "green"),
    "oom": ("out of memory", "red"),
    "rename": ("renamed", ""),
    "update": ("limits changed", ""),
    "prune": ("pruned", ""),
    "delete": ("deleted", ""),
    "pull": ("pulled", ""),
    "reload": ("configuration read again", ""),
}
_HEALTH = {"healthy": "green", "unhealthy": "red", "starting": "yellow"}
_NAME_COLUMNS = 24


class EventPrinter:
    """Formats events one by one. Unless ``everything`` is wanted, a health check that says what it
    said before is left out, and so are mounts."""

    def __init__(self, console: Console, *, everything: bool = False) -> None:
        self._console = console
        self._everything = everything
        self._health: dict[str, str] = {}
        self._columns = _NAME_COLUMNS

    def format(self, row: Row) -> str:
        """The line; empty where it is left out."""
        if not self._everything and self._repeats(row):
            return ""
        name = printable(str(row.get("name") or str(row.get("id") or "")[:12]))
        self._columns = max(self._columns, min(len(name), 48))
        kind = str(row.get("kind") or "")
        what = "" if kind == "container" else f"{kind} "
        text, color = words(row)
        when = self._console.paint(local_time(row.get("at")), "dim")
        return f"{when}  {what + name:<{self._columns}}  {self._console.paint(text, color)}"

    def _repeats(self, row: Row) -> bool:
        action, id = str(row.get("action")), str(row.get("id"))
        if action in _QUIET:
            return True
        if action in ("start", "die"):
            self._health.pop(id, None)
        if action != "health_status":
            return False
        health = str((row.get("attributes") or {}).get("health") or "")
        before, self._health[id] = self._health.get(id), health
        return health == before


def words(row: Row) -> tuple[str, str]:
    """What happened, and its colour."""
    action = str(row.get("action") or "")
    attributes: Mapping[str, str] = row.get("attributes") or {}
    if action == "die":
        return _death(attributes)
    if action == "kill":
        number = attributes.get("signal", "")
        return f"got {signal_name(int(number)) if number.isdigit() else 'a signal'}", "yellow"
    if action == "health_status":
        health = attributes.get("health", "")
        return f"health: {health}", _HEALTH.get(health, "")
    if action in ("connect", "disconnect"):
        container = attributes.get("container", "")[:12]
        return f"{action}ed {'to' if action == 'connect' else 'from'} {container}".strip(), "dim"
    text, color = _WORDS.get(action, (action.replace("_", " "), ""))
    if action in ("create", "start") and row.get("kind") == "container":
        text += (
            f" from {attributes['image']}" if action == "create" and attributes.get("image") else ""
        )
    if action == "rename" and attributes.get("oldName"):
        text += f", before: {attributes['oldName'].lstrip('/')}"
    return text, color


def _death(attributes: Mapping[str, str]) -> tuple[str, str]:
    code = attributes.get("exitCode", "")
    if code == "0":
        return "exited with 0", ""
    number = int(code) - 128 if code.isdigit() else 0
    by = f" ({signal_name(number)})" if 0 < number < 65 else ""
    return f"died with exit code {code or 'unknown'}{by}", "red"
