"""What a restore or a drill did, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.summary import count
from tabib.cli.render.table import printable
from tabib.cli.render.units import duration, local_time, size

Row = Mapping[str, Any]


def would_lines(result: Row, console: Console) -> list[str]:
    """Of ``--dry-run``."""
    volumes = ", ".join(map(printable, result["volumes"]))
    head = f"would restore {volumes} from snapshot {console.paint(result['snapshot'], 'bold')}"
    if result.get("taken_at") is None:  # beside: nothing is replaced
        return [f"{head}; nothing that runs is touched"]
    verified = result.get("verified_at")
    how = (
        f"a drill verified it {local_time(verified)}"
        if verified
        else "no drill has looked at it: it is checked before it is swapped in"
    )
    return [
        f"{head} of {local_time(result['taken_at'])} ({size(result['size_bytes'])})",
        f"  {how}",
        *(f"  lost: {printable(line)}" for line in result["lost"]),
        f"  stopped for the swap: {', '.join(map(printable, result['services']))}",
    ]


def restored_lines(result: Row, console: Console) -> list[str]:
    """What is back, what is lost, how long it took, where the old data is."""
    volumes: Sequence[str] = result["volumes"]
    names = ", ".join(map(printable, volumes))
    head = console.paint_err(f"restored {names}", "green")
    if result.get("taken_at") is None:
        return [
            f"{head} from snapshot {result['snapshot']}, beside what runs",
            f"`tabib -p {printable(result['project'])} up` with the same file runs on it",
        ]
    took = duration(float(result["rto_seconds"]))
    lines = [
        f"{head} from snapshot {result['snapshot']} of {local_time(result['taken_at'])} in {took}"
        f"{_phases(result['phases'])}"
    ]
    rpo = float(result["rpo_seconds"])
    lines += [f"lost: {printable(line)}" for line in result["lost"] or ("nothing",)]
    lines += [f"nothing is lost of {printable(line)}" for line in result["whole"]]
    lines += [f"RPO {duration(rpo)}, RTO {took}"]
    lines += [f"checked: {printable(line)}" for line in result["checks"]]
    if result.get("before"):
        lines.append(f"what was there before is snapshot {result['before']}")
    kept = [printable(one) for one in result["kept"]]
    lines += [f"what was there before is kept: {one}" for one in kept]
    return lines


def undone_lines(result: Row, console: Console) -> list[str]:
    """Of ``--undo``: what was or would be put back, and where what had been restored is."""
    names = ", ".join(map(printable, result["volumes"]))
    undone = result["undone"]
    what = f"what the restore of {local_time(undone['restored_at'])} replaced"
    of = f" (from snapshot {undone['snapshot']})" if undone["snapshot"] else ""
    if result["dry_run"]:
        return [
            f"would put back {names}: {what}{of}",
            *(f"  from {printable(where)}" for where in result["put_back"].values()),
            f"  {result['aside']}, and kept",
            f"  stopped for the swap: {', '.join(map(printable, result['services']))}",
        ]
    head = console.paint_err(f"put back {names}", "green")
    kept = [f"what had been restored is kept: {printable(one)}" for one in result["kept"]]
    return [f"{head}: {what}{of}", *kept]


def _phases(phases: Sequence[Row]) -> str:
    told = [f"{one['name']} {duration(float(one['seconds']))}" for one in phases]
    return f" ({', '.join(told)})" if told else ""


def drilled_lines(row: Row, console: Console) -> list[str]:
    """What a drill found: what passed, and what did not."""
    drill: Row = row["drill"] or {}
    passed = drill.get("outcome") == "passed"
    word = console.paint_err("passed", "green") if passed else console.paint_err("FAILED", "red")
    took = duration(float(drill.get("rto_seconds") or 0))
    sets = count(row["volumes"], "data set")
    return [
        f"{printable(row['project'])}: drill of snapshot {row['id']} "
        f"({local_time(row['taken_at'])}, {sets}) {word}; RTO {took}{_phases(drill['phases'])}",
        *(f"  {printable(line)}" for line in drill.get("checks") or ()),
    ]
