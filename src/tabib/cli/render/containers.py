"""Containers as a table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tabib.cli.console import Console, is_terminal
from tabib.cli.render.table import table
from tabib.cli.render.units import age

_COLORS = {"healthy": "green", "running": "green", "unhealthy": "red", "dead": "red",
           "restarting": "yellow", "starting": "yellow", "paused": "yellow"}  # fmt: skip


def container_table(
    rows: Sequence[Mapping[str, Any]],
    console: Console,
    *,
    projects: bool,
    no_trunc: bool,
    now: datetime | None = None,
) -> list[str]:
    """``ps`` for people; with a column of projects where several are shown."""
    at = now or datetime.now(UTC)
    cells = [
        (
            str(row.get("project") or "") if projects else "",
            str(row.get("name", "")),
            str(row.get("service") or ""),
            _image(str(row.get("image") or ""), no_trunc),
            _state(row, console, at),
            str(row.get("release") or ""),
            port_list(row.get("ports") or ()),
        )
        for row in rows
    ]
    width = None if no_trunc or not is_terminal(sys.stdout) else shutil.get_terminal_size().columns
    return table(
        ("PROJECT" if projects else "", "NAME", "SERVICE", "IMAGE", "STATE", "RELEASE", "PORTS")[
            0 if projects else 1 :
        ],
        [row if projects else row[1:] for row in cells],
        width,
    )


def _image(image: str, no_trunc: bool) -> str:
    name, at, digest = image.partition("@sha256:")
    return f"{name}@{digest[:12]}" if at and not no_trunc else image


def _state(row: Mapping[str, Any], console: Console, now: datetime) -> str:
    state, health = str(row.get("state") or ""), str(row.get("health") or "")
    text = state
    if state == "running" and health:
        text = health if health != "starting" else "running (health: starting)"
    if state == "exited" and row.get("exit_code") is not None:
        text = f"exited ({row['exit_code']})"
    color = _COLORS.get(health if health and state == "running" else state, "")
    if state == "exited" and row.get("exit_code") not in (0, None):
        color = "red"
    shown = console.paint(text, color) if color else text
    since = age(row.get("started_at"), now) if state in ("running", "paused") else ""
    restarts = int(row.get("restarts") or 0)
    extra = f", {restarts} restart" + ("s" if restarts > 1 else "") if restarts else ""
    if row.get("backup") == "none":
        extra += ", " + console.paint("not backed up", "yellow")
    return f"{shown} {since}".rstrip() + extra


def port_list(ports: Iterable[Any]) -> str:
    """``0.0.0.0:8080→80/tcp, 443/tcp``; IPv6 duplicates of a published port are left out."""
    texts: list[str] = []
    for port in ports:
        text = port if isinstance(port, str) else _port(port)
        if text and text not in texts:
            texts.append(text)
    return ", ".join(texts)


def _port(port: Mapping[str, Any]) -> str:
    inside = f"{port.get('container_port')}/{port.get('protocol') or 'tcp'}"
    outside = port.get("host_port")
    if not outside:
        return inside
    address = str(port.get("host_ip") or "0.0.0.0")
    if address == "::":
        address = "0.0.0.0"
    if ":" in address:
        address = f"[{address}]"
    return f"{address}:{outside}→{inside}"
