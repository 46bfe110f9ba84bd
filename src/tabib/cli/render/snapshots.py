"""Snapshots for people: a table, one's page, and what lies in it."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tabib.cli.console import Console, is_terminal
from tabib.cli.render.summary import count
from tabib.cli.render.table import printable, table
from tabib.cli.render.units import age, duration, local_time, parse_time, size

Row = Mapping[str, Any]

TRIGGERS = {
    "manual": "by hand",
    "schedule": "schedule",
    "before_change": "before a change",
    "damage": "damage",
    "final": "before removal",
}
CONSISTENCIES = {
    "database": ("by database", "green"),
    "stopped": ("stopped", "green"),
    "paused": ("paused", "green"),
    "locked": ("locked", "green"),
    "live": ("live", "yellow"),
}
EXPLAINED = {
    "database": "copied by the databases' own means: one point in time, nothing acknowledged is "
    "missing",
    "stopped": "whoever writes to it was stopped meanwhile",
    "paused": "whoever writes to it was frozen meanwhile: as after a power cut",
    "locked": "SQLite files were locked while they were copied; other files were not",
    "live": "copied while it was written to: files may not fit each other",
}


def snapshot_table(rows: Sequence[Row], console: Console, *, with_project: bool) -> list[str]:
    """One line for each. The project's column only where there may be several."""
    now = datetime.now(UTC)
    cells = [
        (
            str(row["id"]),
            str(row["project"]) if with_project else "",
            age(row["taken_at"], now),
            size(row["size_bytes"]),
            size(row.get("added_bytes") or 0),
            TRIGGERS.get(row["trigger"], str(row["trigger"])),
            _consistency(row, console),
            _verified(row, console, now),
            printable(str(row["repository"])),
            _marks(row, console),
        )
        for row in rows
    ]
    headings = ("ID", "PROJECT", "AGE", "SIZE", "ADDED", "TAKEN", "CONSISTENT", "VERIFIED",
                "REPOSITORY", "NOTE")  # fmt: skip
    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    return table(headings, cells, width)


def _consistency(row: Row, console: Console) -> str:
    known = str(row.get("consistency") or ("" if row["consistent"] else "live"))
    word, color = CONSISTENCIES.get(known, (known, ""))
    by_name: Row = row.get("consistencies") or {}
    least = [printable(name) for name, how in by_name.items() if how == known]
    if known == "live" and len(least) < len(by_name):
        word += f": {', '.join(least[:2])}{' …' if len(least) > 2 else ''}"
    return console.paint(word, color)


def _verified(row: Row, console: Console, now: datetime) -> str:
    drill = row.get("drill") or {}
    if drill.get("outcome") == "failed":
        return console.paint("drill failed", "red")
    if not row.get("verified_at"):
        return console.paint("not verified", "dim")
    return console.paint(f"{age(row['verified_at'], now)} ago", "green")


def _marks(row: Row, console: Console) -> str:
    marks = []
    if row.get("hold"):
        marks.append(console.paint("held", "cyan"))
    if row.get("complete") is False:
        marks.append(console.paint("incomplete", "yellow"))
    if row.get("damaged"):
        marks.append(console.paint("of damaged data", "red"))
    return ", ".join(marks)


# ── one of them ────────────────────────────────────────────────────────────────────────────────


def snapshot_page(page: Row, console: Console) -> list[str]:
    """What it is, what is in it, and what is known of it."""
    now = datetime.now(UTC)
    title = f"snapshot {page['id']} of {page['project']}"
    trigger = TRIGGERS.get(page["trigger"], str(page["trigger"]))
    reason = f": {printable(page['reason'])}" if page.get("reason") else ""
    lines = [
        console.paint(title, "bold"),
        f"taken      {local_time(page['taken_at'])} ({age(page['taken_at'], now)} ago), "
        f"{trigger}{reason}",
        f"size       {size(page['size_bytes'])}; it added {size(page.get('added_bytes') or 0)} to "
        f"{printable(str(page['repository']))}",
        f"consistent {consistency_words(page)}",
        f"verified   {_verified_words(page, now)}",
    ]
    if page.get("release"):
        lines.append(f"release    {page['release']}")
    if marks := _marks(page, console):
        lines.append(f"note       {marks}")
    parts = page.get("parts") or []
    lines += ["", *_part_table(parts, console)]
    lines += _counted(parts)
    warnings = [f"  {one['name']}: {printable(text)}" for one in parts for text in one["warnings"]]
    if warnings:
        lines += ["", console.paint("Warnings", "yellow"), *warnings]
    lines += _drill(page, console)
    return lines


def consistency_words(row: Row) -> str:
    """How far the copy can be trusted, in a clause."""
    words = EXPLAINED.get(str(row.get("consistency")), str(row.get("consistency")))
    if len(set((row.get("consistencies") or {}).values())) > 1:
        words = f"each as below; the least: {words}"
    if row.get("together"):
        words += "; all data sets at one point in time" if len(row["volumes"]) > 1 else ""
    return words


def _verified_words(page: Row, now: datetime) -> str:
    drill = page.get("drill") or {}
    if drill.get("outcome") == "failed":
        return f"no: the drill of {local_time(drill['at'])} failed"
    if not page.get("verified_at"):
        return "no: no drill has restored it yet"
    took = float(drill.get("rto_seconds") or 0)
    words = f"{age(page['verified_at'], now)} ago: restored, booted and checked"
    return f"{words} in {duration(took)}" if took else words


def _part_table(parts: Sequence[Row], console: Console) -> list[str]:
    cells = [
        (
            printable(part["name"]),
            str(part["service"]),
            " ".join(filter(None, (part["kind"], part.get("version")))),
            str(part["form"]),
            _consistency({"consistency": part["consistency"], "consistent": True}, console),
            local_time(part["taken_at"]),
            size(part["size_bytes"]),
            size(part["added_bytes"]),
        )
        for part in parts
    ]
    headings = ("DATA SET", "SERVICE", "KIND", "FORM", "CONSISTENT", "TAKEN", "SIZE", "ADDED")
    return table(headings, cells)


def _counted(parts: Sequence[Row]) -> list[str]:
    lines = [f"  {part['name']}: {text}" for part in parts if (text := _record(part["record"]))]
    return ["", "Counted when it was taken", *lines] if lines else []


def _record(record: Row) -> str:
    """What is known of a part's content, in a clause; ``""`` for a form that is not known."""
    words = []
    if tables := record.get("tables"):
        rows = sum(int(one.get("rows", one.get("at_least", one.get("about", 0)))) for one in tables)
        exact = all("rows" in one for one in tables)
        words.append(f"{count(tables, 'table')} with {'' if exact else 'about '}{rows:,} rows")
    if keys := record.get("keys"):
        words.append(f"{sum(int(span[-1]) for span in keys.values()):,} keys")
    if record.get("files") is not None and not isinstance(record["files"], Sequence | Mapping):
        words.append(count(int(record["files"]), "file"))
    return ", ".join(words)


def _drill(page: Row, console: Console) -> list[str]:
    drill = page.get("drill")
    if not drill:
        return []
    passed = drill["outcome"] == "passed"
    word = console.paint(drill["outcome"], "green" if passed else "red")
    lines = ["", f"Last drill: {word}, {local_time(drill['at'])}"]
    phases = [f"{one['name']} {duration(one['seconds'])}" for one in drill.get("phases") or ()]
    if phases:
        lines.append(f"  {', '.join(phases)}")
    return lines + [f"  {printable(text)}" for text in drill.get("checks") or ()]


# ── what lies in it ────────────────────────────────────────────────────────────────────────────


def entry_table(rows: Sequence[Row], console: Console) -> list[str]:
    """As ``ls -l``: mode, owner, size, time, path; folders end with a stroke."""
    cells = []
    for row in rows:
        folder = row["type"] == "dir"
        path = printable(str(row["path"])) + ("/" if folder else "")
        modified = parse_time(row.get("modified_at"))
        mode = int(row.get("mode") or 0)
        cells.append(
            (
                stat.filemode(_with_type(mode, str(row["type"]))) if mode else "",
                f"{row.get('uid', 0)}:{row.get('gid', 0)}" if mode else "",
                "" if folder and mode else size(row.get("size_bytes") or 0),
                local_time(row.get("modified_at")) if modified else "",
                console.paint(path, "blue") if folder else path,
            )
        )
    return table(("MODE", "OWNER", "SIZE", "MODIFIED", "PATH"), cells)


def _with_type(mode: int, kind: str) -> int:
    if stat.S_IFMT(mode):
        return mode
    types = {"dir": stat.S_IFDIR, "symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO,
             "socket": stat.S_IFSOCK, "dev": stat.S_IFBLK, "chardev": stat.S_IFCHR}  # fmt: skip
    return stat.S_IMODE(mode) | types.get(kind, stat.S_IFREG)
