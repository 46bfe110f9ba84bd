"""What is counted of a database's tables when it is copied, and compared when it is restored.

A table that nobody wrote to meanwhile has its exact number of rows and a digest of its content; of
others it is known between which numbers the copy's must be. The digest is of each row's text,
summed, so that the order of rows does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tabib.operations.backups.kinds.kind import Check

_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One table at one time."""

    rows: int
    exact: bool = True
    """False: ``rows`` is the database's own estimate."""
    digest: str = ""
    """``""``: too large to be read whole."""
    inserted: int = 0
    deleted: int = 0
    """Counters of the database, where it has some: they only grow."""


@dataclass(slots=True)
class Counted:
    """All tables at one time, by name; and what was left out and why."""

    tables: dict[str, Seen] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def compare(before: Counted, after: Counted) -> dict[str, Any]:
    """The record of a copy that was made between the two: JSON values."""
    tables = []
    for name, first in sorted(before.tables.items()):
        last = after.tables.get(name)
        if last is not None:
            tables.append({"name": name, **_entry(first, last)})
    changed = sorted(before.tables.keys() ^ after.tables.keys())
    notes = list(dict.fromkeys(before.notes + after.notes))
    if changed:
        notes.append(f"made or dropped meanwhile: {', '.join(changed[:_TOLD])}")
    return {"kind": "tables", "tables": tables, "notes": notes}


def _entry(first: Seen, last: Seen) -> dict[str, Any]:
    if not (first.exact and last.exact):
        return {"about": last.rows}
    if first.digest and (first.rows, first.digest) == (last.rows, last.digest):
        return {"rows": first.rows, "digest": first.digest}
    inserted = max(0, last.inserted - first.inserted)
    deleted = max(0, last.deleted - first.deleted)
    low, high = sorted((first.rows, last.rows))
    if deleted:  # counters lag behind: what is both filled and emptied is known less exactly
        low, high = low - deleted, high + inserted
    return {"at_least": max(0, low), "at_most": high}


def judge(record: Mapping[str, Any], found: Counted) -> tuple[Check, ...]:
    """What restored tables are, against the record of their copy."""
    wrong, same, within = [], 0, 0
    for entry in record.get("tables") or ():
        name = str(entry["name"])
        now = found.tables.get(name)
        if now is None:
            wrong.append(Check(name=f"table {name}", ok=False, text="it is not there"))
            continue
        text = _difference(entry, now)
        if text:
            wrong.append(Check(name=f"table {name}", ok=False, text=text))
        elif entry.get("digest") and now.digest:
            same += 1
        else:
            within += 1
    total = same + within + len(wrong)
    text = f"{total} tables: {same} have the same content, {within} as many rows as they should"
    if wrong:
        text += f", {len(wrong)} differ"
    return (Check(name="tables", ok=not wrong, text=text), *wrong)


def _difference(entry: Mapping[str, Any], now: Seen) -> str:
    if "rows" in entry and now.exact:
        if now.rows != entry["rows"]:
            return f"it has {now.rows} rows; {entry['rows']} were copied"
        if now.digest and now.digest != entry["digest"]:
            return f"its {now.rows} rows are not those that were copied"
    if "at_least" in entry and now.exact:
        low, high = entry["at_least"], entry["at_most"]
        if not low <= now.rows <= high:
            return f"it has {now.rows} rows; between {low} and {high} were copied"
    return ""
