"""What a recovery says of each project: in its plan, and in its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tabib.model.codec import builtins
from tabib.operations.backups.host_record import HostRecord
from tabib.operations.backups.recovery.case import Case
from tabib.operations.backups.rows import snapshot_row


def head(repository: str, hosts: Sequence[HostRecord], *, dry_run: bool) -> Mapping[str, Any]:
    """What is said of the repository itself."""
    return {
        "dry_run": dry_run,
        "repository": repository,
        "hosts": [
            {"hostname": one.hostname, "at": builtins(one.at), "projects": list(one.projects)}
            for one in hosts
        ],
    }


def row(case: Case, *, rto_seconds: float | None = None) -> dict[str, Any]:
    """One project, as the plan and the result show it."""
    return {
        **snapshot_row(case.snapshot),
        "project": case.name,
        "state": case.state,
        "snapshot": case.snapshot.id,
        "rpo_seconds": round(case.rpo_seconds, 3),
        "rto_seconds": rto_seconds,
        "images": case.images,
        "ports": case.ports,
        "missing": case.missing,
        "notes": case.notes,
        "lost": case.lost,
        "error": case.refused,
    }


def losses(case: Case, failed_at: datetime) -> tuple[list[str], float]:
    """What is not there, one line for each data set, and the age of the oldest in seconds."""
    lines, most = [], 0.0
    for name, text in case.progress.reached.items():
        upto = datetime.fromisoformat(text)
        lines.append(f"{name}: what was written after {upto:%Y-%m-%d %H:%M:%S} UTC")
        most = max(most, (failed_at - upto).total_seconds())
    return lines, most
