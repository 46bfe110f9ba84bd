"""How a project is backed up, and what a backup did, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.snapshots import CONSISTENCIES, EXPLAINED, TRIGGERS
from tabib.cli.render.summary import count
from tabib.cli.render.table import printable, table
from tabib.cli.render.units import duration, local_time, size

Row = Mapping[str, Any]

_METHODS = {
    "postgres": "by PostgreSQL, while it runs",
    "mysql": "by MySQL/MariaDB, while it runs",
    "redis": "by Redis, while it runs",
    "mongodb": "by MongoDB, while it runs",
    "sqlite": "SQLite files locked, the rest as it is met",
    "files": "as it is met, while it runs",
}
_CHOSEN = {
    "pause": "paused for the last pass",
    "stop": "stopped while it is copied",
    "live": "as it is met, while it runs",
}
_STATES = {
    "ready": ("ready", "green"),
    "none yet": ("made by the first backup", "cyan"),
    "gone": ("gone", "red"),
    "unknown": ("not looked at", "dim"),
    "repository_unreachable": ("does not answer", "red"),
    "repository_key_wrong": ("the key does not fit", "red"),
    "repository_locked": ("locked by another process", "yellow"),
    "repository_damaged": ("damaged", "red"),
    "repository_full": ("full", "red"),
    "image_unavailable": ("restic's image is missing", "red"),
}
_KEEP = (
    ("last", "the last {}"), ("hourly", "{} hourly"), ("daily", "{} daily"),
    ("weekly", "{} weekly"), ("monthly", "{} monthly"), ("yearly", "{} yearly"),
)  # fmt: skip


def plan_lines(plan: Row, console: Console) -> list[str]:
    """Data sets with why, when, where to, and what is kept with why."""
    data, policy = plan["datasets"], plan["policy"]
    covered = [one for one in data if one["covered"]]
    head = f"{plan['project']}: {len(covered)} of {count(data, 'data set')} backed up"
    if not policy["enabled"]:
        head = f"{head} by hand; none by itself"
    lines = [console.paint(head, "bold") if data else f"{plan['project']}: no data was found"]
    if data:
        lines += ["", *_data_table(data, console)]
        left_out = [one for one in data if not one["covered"]]
        lines += ["", *_whys("Why", covered, console)] if any(o["why"] for o in covered) else []
        lines += ["", *_whys("Not backed up", left_out, console)] if left_out else []
    lines += ["", *_when(plan, policy)]
    lines += ["", *_repositories(plan["repositories"], console)]
    if plan["retention"]:
        lines += ["", *_retention(plan, console)]
    return lines


def _data_table(data: Sequence[Row], console: Console) -> list[str]:
    cells = [
        (
            console.paint("✔", "green") if one["covered"] else console.paint("–", "dim"),
            printable(one["name"]),
            ", ".join(dict.fromkeys([one["service"], *one["services"]])).strip(", "),
            str(one["kind"]),
            _method(one) if one["covered"] else "",
        )
        for one in data
    ]
    return table(("", "DATA SET", "SERVICES", "KIND", "COPIED"), cells)


def _method(one: Row) -> str:
    words = _CHOSEN.get(one["method"]) or _METHODS.get(one["kind"], str(one["kind"]))
    return f"{words}; hooks: {', '.join(one['hooks'])}" if one.get("hooks") else words


def _whys(title: str, data: Sequence[Row], console: Console) -> list[str]:
    return [
        console.paint(title, "bold"),
        *(f"  {printable(one['name'])}: {printable(one['why'])}" for one in data if one["why"]),
    ]


def _when(plan: Row, policy: Row) -> list[str]:
    if not policy["enabled"]:
        return [
            "When     by hand only (`tabib backup`): `enabled: false` is written,",
            "         in the file or under [backup] in tabib.toml",
        ]
    zone = f" ({policy['timezone']})" if policy.get("timezone") else ""
    if not policy["schedule"]:
        lines = ["When     by hand only: no schedule"]
    else:
        following = f"; next {local_time(plan['next_at'])}" if plan.get("next_at") else ""
        lines = [f"When     {policy['schedule']}{zone}{following}"]
    if policy.get("drill_schedule"):
        following = (
            f"; next {local_time(plan['next_drill_at'])}" if plan.get("next_drill_at") else ""
        )
        lines.append(f"Drills   {policy['drill_schedule']}{zone}{following}")
    lines.append(f"Kept     {kept_words(policy['keep'])}")
    if policy.get("together"):
        lines.append("Moment   all data sets at one point in time: services are paused for it")
    return lines + _logs(plan.get("logs") or ())


def _logs(rows: Sequence[Row]) -> list[str]:
    """What ``point_in_time`` does; nothing where it was not asked for."""
    if not rows:
        return []
    kept = [printable(row["dataset"]) for row in rows if not row["why_not"]]
    lines = [f"Log      of {', '.join(kept)}: received all the time"] if kept else []
    lines += [
        f"No log   of {printable(row['dataset'])}: {printable(row['why_not'])}"
        for row in rows
        if row["why_not"]
    ]
    return lines


def kept_words(keep: Row) -> str:
    """``the last 3, 7 daily, 4 weekly``."""
    words = [text.format(keep[name]) for name, text in _KEEP if keep.get(name)]
    if keep.get("within_days"):
        words.append(f"all of {keep['within_days']:g} days")
    return ", ".join(words) or "everything"


def _repositories(rows: Sequence[Row], console: Console) -> list[str]:
    title = "Repository" if len(rows) == 1 else "Repositories (the first is restored from)"
    lines = [console.paint(title, "bold")]
    for row in rows:
        word, color = _STATES.get(row["state"], (str(row["state"]).replace("_", " "), "red"))
        notes = [console.paint(word, color)]
        notes += ["append-only: nothing is removed"] if row["append_only"] else []
        limit = row["limit_upload_kib"]
        notes += [f"at most {size(limit * 1024)}/s"] if limit else []
        lines.append(f"  {printable(row['name'])}: {', '.join(notes)}")
        lines += [f"    {printable(row['why'])}"] if row["why"] else []
    return lines


def _retention(plan: Row, console: Console) -> list[str]:
    lines = [console.paint("What is kept, and why", "bold")]
    if plan.get("frozen"):
        lines.append(f"  nothing is let go now: {printable(plan['frozen'])}")
    cells = [
        (
            f"  {row['snapshot']}",
            local_time(row["taken_at"]),
            TRIGGERS.get(row["trigger"], str(row["trigger"])),
            console.paint("keep", "green") if row["keep"] else console.paint("let go", "yellow"),
            printable("; ".join(row["reasons"])),
            printable(row["repository"]) if len(plan["repositories"]) > 1 else "",
        )
        for row in plan["retention"]
    ]
    return lines + table(("  SNAPSHOT", "OF", "TAKEN", "", "WHY", "REPOSITORY"), cells)


# ── done ───────────────────────────────────────────────────────────────────────────────────────


def taken_lines(result: Row, console: Console) -> list[str]:
    """What was made, in one sentence; under it what else is to be known."""
    row = result["snapshot"]
    head = console.paint_err(f"snapshot {row['id']}", "green")
    sets = count(row["volumes"], "data set")
    lines = [
        f"{head}: {size(row['size_bytes'])} of {sets} of {row['project']} in "
        f"{duration(float(result['seconds']))}; it added {size(row['added_bytes'])} to "
        f"{printable(row['repository'])}",
        f"  {_how(row)}",
    ]
    if "live" in (row.get("consistencies") or {}).values():
        lines.append(
            "  `x-tabib: {backup: {method: pause}}` at a service freezes it for the end of its copy"
        )
    if row.get("complete") is False:
        lines.append(
            "  it holds a part of the project's data only: it is never restored from by itself"
        )
    if result.get("let_go"):
        gone = count(len(result["let_go"]), "older snapshot")
        lines.append(f"  {gone} let go; `tabib backup --plan` says what is kept and why")
    return lines


def _how(row: Row) -> str:
    """``consistent: db-data by database; not consistent: uploads, copied while …``."""
    by_name: Row = row.get("consistencies") or {}
    good = [
        f"{printable(name)} ({CONSISTENCIES.get(how, (how, ''))[0]})"
        for name, how in by_name.items()
        if how != "live"
    ]
    live = [printable(name) for name, how in by_name.items() if how == "live"]
    clauses = []
    if good:
        together = len(good) > 1 and row.get("together")
        clauses.append(f"consistent: {', '.join(good)}{', all at one moment' if together else ''}")
    if live:
        clauses.append(f"not consistent: {', '.join(live)}, {EXPLAINED['live']}")
    return "; ".join(clauses)
