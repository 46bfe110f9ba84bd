"""What ran at a time, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.processes import Style, process_lines
from tabib.cli.render.table import table
from tabib.cli.render.units import local_time, parse_time, size

Row = Mapping[str, Any]
_COLORS = {"running": "green", "healthy": "green", "unhealthy": "red", "dead": "red",
           "exited": "yellow", "starting": "yellow", "paused": "yellow"}  # fmt: skip
_HEADINGS = ("NAME", "ID", "STATE", "CPU", "MEMORY", "NETWORK IN/OUT", "DISK R/W", "PROCESSES",
             "RESTARTS", "IMAGE")  # fmt: skip


def inspect_lines(answer: Row, console: Console, now: datetime) -> list[str]:
    """The node, the containers, and of one container its processes and its set-up."""
    containers: Sequence[Row] = answer.get("containers") or ()
    lines = [*_node(answer, console), ""]
    if not containers:
        lines.append("no container of it ran then")
    else:
        lines += table(_HEADINGS, [_container(row, console) for row in containers])
    # What ended later still ran then.
    processes = [
        {**one, "ended_at": None, "assumed": False}
        for row in containers
        for one in row.get("processes_then") or ()
    ]
    if processes and len(containers) == 1:
        lines += ["", console.paint("Processes", "bold")]
        lines += process_lines(
            processes, console, Style(tree=True), parse_time(answer.get("at")) or now
        )
    if answer.get("inspection"):
        lines += ["", console.paint("Set-up", "bold"), *_setup(answer["inspection"])]
    return lines


def _node(answer: Row, console: Console) -> list[str]:
    node: Row = answer.get("node") or {}
    head = f"{node.get('name') or 'the node'} at {local_time(answer.get('at'))}"
    parts = [console.paint(head, "bold")]
    if node.get("cpu_cores") is not None:
        parts.append(f"CPU {node['cpu_cores']:.2f} of {node.get('cpus') or '?'} cores")
    if node.get("memory_total_bytes"):
        used = node.get("memory_used_bytes") or 0
        parts.append(f"memory {size(used)} of {size(node['memory_total_bytes'])}")
    if node.get("load_1m") is not None:
        parts.append(f"load {node['load_1m']:.2f} {node['load_5m']:.2f} {node['load_15m']:.2f}")
    parts += [
        f"{disk['name']} {size(disk['free_bytes'])} free"
        for disk in node.get("disks") or ()
        if disk.get("free_bytes") is not None
    ]
    return [", ".join(parts)]


def _container(row: Row, console: Console) -> tuple[str, ...]:
    state, health = str(row.get("state") or ""), str(row.get("health") or "")
    shown = f"{state} ({health})" if health else state
    gone = "" if row.get("exists", True) else console.paint(" gone now", "dim")
    cores, share = row.get("cpu_cores"), row.get("memory_share")
    memory = row.get("memory_working_set_bytes")
    return (
        str(row.get("name") or ""),
        str(row.get("id") or "")[:12],
        console.paint(shown, _COLORS.get(health or state, "")) + gone,
        f"{cores:.2f}" if cores is not None else "",
        (size(memory) if memory is not None else "") + (f" {share:.0%}" if share else ""),
        _pair(row, "network_received", "network_sent"),
        _pair(row, "block_read", "block_written"),
        _number(row.get("processes")),
        _number(row.get("restarts")),
        str(row.get("image") or ""),
    )


def _pair(row: Row, first: str, second: str) -> str:
    one = row.get(f"{first}_bytes_per_second")
    two = row.get(f"{second}_bytes_per_second")
    if one is None and two is None:
        return ""
    return f"{size(one or 0)}/s {size(two or 0)}/s"


def _number(value: Any) -> str:
    return "" if value is None else str(value)


def _setup(inspection: Row) -> list[str]:
    """The parts of an engine's inspection that tell most (Engine API, ContainerInspect)."""
    config: Row = inspection.get("Config") or {}
    host: Row = inspection.get("HostConfig") or {}
    mounts = [
        f"{one.get('Source') or one.get('Name')} → {one.get('Destination')}"
        + ("" if one.get("RW", True) else " (read only)")
        for one in inspection.get("Mounts") or ()
    ]
    networks = (inspection.get("NetworkSettings") or {}).get("Networks") or {}
    pairs = (
        ("image", [str(config.get("Image") or "")]),
        ("entry point", [" ".join(config.get("Entrypoint") or ())]),
        ("command", [" ".join(config.get("Cmd") or ())]),
        ("user", [str(config.get("User") or "")]),
        ("restart", [str((host.get("RestartPolicy") or {}).get("Name") or "")]),
        ("memory limit", [size(host["Memory"]) if host.get("Memory") else ""]),
        ("CPU limit", [f"{host['NanoCpus'] / 1e9:g} cores" if host.get("NanoCpus") else ""]),
        ("networks", [", ".join(networks)]),
        ("mounts", mounts),
        ("environment", list(config.get("Env") or ())),
    )
    lines = []
    for name, values in pairs:
        for number, value in enumerate(value for value in values if value):
            lines.append(f"  {name if number == 0 else '':<13} {value}")
    return lines
