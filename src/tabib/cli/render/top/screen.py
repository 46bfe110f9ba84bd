"""The screen: header, table, a line of keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabib.cli.render.top import columns as c
from tabib.cli.render.top.state import Row, View, key_of, selected_row
from tabib.cli.render.units import local_time, size

Line = list[tuple[str, str]]
"""Pieces of text and their styles."""
HEADER = 4
FOOTER = 1
_BAR = 20
_COLORS = {"unhealthy": "red", "dead": "red", "exited": "red", "restarting": "yellow",
           "starting": "yellow", "paused": "yellow", "healthy": "green"}  # fmt: skip
_KEYS = "↑↓ choose  Enter processes  ←→ or a letter sort  r reverse  / filter  q quit"
_KEYS_OPEN = "↑↓ choose  Esc back  ←→ or a letter sort  r reverse  / filter  q quit"


def page_of(height: int) -> int:
    """How many rows fit."""
    return max(height - HEADER - FOOTER - 1, 1)


def screen(tick: Row, rows: Sequence[Row], view: View, width: int, height: int) -> list[Line]:
    """Exactly ``height`` lines, none wider than ``width``. ``rows``: arranged already."""
    page = page_of(height)
    lines = [*header(tick, view, width), *table(rows, view, width, page)]
    lines += [[] for _ in range(height - FOOTER - len(lines))]
    lines = [*lines[: max(height - FOOTER, 0)], _footer(view, len(rows), page)]
    return [_cut(line, width) for line in lines[-height:]]


def header(tick: Row, view: View, width: int) -> list[Line]:
    node: Mapping[str, Any] = tick.get("node") or {}
    containers = tick.get("containers") or ()
    open_ = int(tick.get("incidents_open") or 0)
    when = local_time(tick.get("at"))[11:]
    first: Line = [
        (f"{node.get('name') or 'node'}", "bold"),
        (f"  {when}  every {float(tick.get('interval_s') or 0):g} s  ", "dim"),
        (f"{len(containers)} container{'s' if len(containers) != 1 else ''}", ""),
    ]
    if open_:
        first.append((f"  {open_} open incident{'s' if open_ > 1 else ''}", "red"))
    if view.open:
        named: Row = next((row for row in containers if key_of(row) == view.open), {})
        first.append((f"  processes of {named.get('name') or view.open[:12]}", "bold cyan"))
    return [first, _cpu(node), _memory(node), _traffic(node)]


def _bar(share: float) -> Line:
    full = round(min(max(share, 0.0), 1.0) * _BAR)
    color = "red" if share > 0.9 else "yellow" if share > 0.7 else "green"
    return [("█" * full, color), ("░" * (_BAR - full), "dim")]


def _cpu(node: Row) -> Line:
    cores, cpus = node.get("cpu_cores"), node.get("cpus")
    line: Line = [("CPU  ", "dim")]
    if cores is not None and cpus:
        # Two clocks are compared: a little more than everything is no news.
        used = min(cores / cpus, 1.0)
        line += [*_bar(used), (f" {used * 100:5.1f}% of {cpus} cores", "")]
        waits = node.get("cpu_iowait_cores")
        if waits:
            line.append((f"  io wait {waits / cpus * 100:.0f}%", ""))
    if node.get("load_1m") is not None:
        loads = " ".join(f"{node[f'load_{m}m'] or 0:.2f}" for m in (1, 5, 15))
        line += [("  load ", "dim"), (loads, "")]
    return line


def _memory(node: Row) -> Line:
    used, total = node.get("memory_used_bytes"), node.get("memory_total_bytes")
    line: Line = [("MEM  ", "dim")]
    if used is not None and total:
        line += [*_bar(used / total), (f" {used / total * 100:5.1f}% of {size(total)}", "")]
    if node.get("swap_total_bytes"):
        swap = f"{size(node.get('swap_used_bytes') or 0)} of {size(node['swap_total_bytes'])}"
        line += [("  swap ", "dim"), (swap, "")]
    return line


def _traffic(node: Row) -> Line:
    line: Line = []
    for title, names in (("NET  ", ("network_received", "network_sent")),
                         ("  IO ", ("block_read", "block_written"))):  # fmt: skip
        values = [node.get(f"{name}_bytes_per_second") for name in names]
        signs = ("↓", "↑") if "NET" in title else ("r", "w")
        told = " ".join(f"{s} {size(v)}/s" for s, v in zip(signs, values, strict=True)
                        if v is not None)  # fmt: skip
        line += [(title, "dim"), (told, "")]
    for disk in node.get("disks") or ():
        total, free = disk.get("size_bytes"), disk.get("free_bytes")
        if total and free is not None:
            used = 1 - free / total
            color = "red" if used > 0.9 else "yellow" if used > 0.8 else ""
            line += [(f"  {disk.get('name')} ", "dim"), (f"{used * 100:.0f}%", color)]
    return line


def table(rows: Sequence[Row], view: View, width: int, page: int) -> list[Line]:
    """Headings and as many rows as fit, from ``view.first`` on."""
    columns = c.fitting(view.columns, width, view.column.name)
    sizes = c.widths(columns, width, rows)
    return [_headings(columns, sizes, view), *_body(rows, view, columns, sizes, page)]


def _headings(columns: Sequence[c.Column], sizes: Sequence[int], view: View) -> Line:
    line: Line = []
    down = view.column.up == view.reverse
    for column, size_ in zip(columns, sizes, strict=True):
        text, style = column.heading, "bold"
        if column.name == view.column.name:
            arrow = "▼" if down else "▲"
            text = (text + arrow) if len(text) < size_ else text[: size_ - 1] + arrow
            style = "bold reverse"
        padded = c.cells([column], [size_], [text])
        line += [(padded, style), (" ", "")]
    return line[:-1]


def _body(
    rows: Sequence[Row],
    view: View,
    columns: Sequence[c.Column],
    sizes: Sequence[int],
    page: int,
) -> list[Line]:
    chosen = selected_row(view, rows)
    lines: list[Line] = []
    for row in rows[view.first : view.first + page]:
        texts = [column.text(column.value(row)) for column in columns]
        if row is chosen:
            lines.append([(c.cells(columns, sizes, texts), "reverse")])
            continue
        line: Line = []
        for column, size_, text in zip(columns, sizes, texts, strict=True):
            line += [(c.cells([column], [size_], [text]), _color(column, row)), (" ", "")]
        lines.append(line[:-1])
    if not rows:
        word = "processes" if view.open else "containers"
        lines.append([(f"no {word}" + (f" match {view.filter!r}" if view.filter else ""), "dim")])
    return lines


def _color(column: c.Column, row: Row) -> str:
    value = column.value(row)
    if column.name == "state":
        return _COLORS.get(str(value), "")
    if column.name in ("share", "throttled") and value is not None:
        return "red" if value > 0.9 else "yellow" if value > 0.75 else ""
    if column.name in ("oom", "restarts") and value:
        return "yellow"
    return ""


def _footer(view: View, count: int, page: int) -> Line:
    if view.typing:
        return [("/", "bold"), (view.filter, ""), ("█", ""), ("  Enter keep  Esc clear", "dim")]
    line: Line = [(_KEYS_OPEN if view.open else _KEYS, "dim")]
    if view.filter:
        line.insert(0, (f"filter: {view.filter}  ", "yellow"))
    if count > page:
        line.insert(0, (f"{view.first + 1}–{min(view.first + page, count)} of {count}  ", ""))
    return line


def _cut(line: Line, width: int) -> Line:
    kept: Line = []
    for text, style in line:
        room = width - sum(len(piece) for piece, _ in kept)
        if room <= 0:
            break
        kept.append((text[:room], style))
    return kept
