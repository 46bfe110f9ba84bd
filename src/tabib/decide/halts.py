"""Which containers of a project in care shall not run, and why: changes to a care record. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tabib.model.release import CareRecord

EVERYTHING = "*"
"""Stands for all containers of the project: it was taken down."""


def halted_why(record: CareRecord, name: str) -> str:
    """Why the container called ``name`` shall not run by its care record; ``""`` where it shall."""
    return record.halted.get(name) or record.halted.get(EVERYTHING, "")


def halt(record: CareRecord, names: Iterable[str], why: str, at: datetime) -> CareRecord:
    """``names`` shall not run, since ``at``."""
    names = list(names)
    return replace(
        record,
        halted={**record.halted, **dict.fromkeys(names, why)},
        halted_at={**record.halted_at, **dict.fromkeys(names, at)},
    )


def let_run(record: CareRecord, names: Iterable[str], everything: Iterable[str]) -> CareRecord:
    """``names`` shall run again. ``everything``: all container names of the project; where all were
    halted at once, the others stay halted."""
    wanted = set(names)
    halted, halted_at = dict(record.halted), dict(record.halted_at)
    why, since = halted.pop(EVERYTHING, ""), halted_at.pop(EVERYTHING, None)
    if why:
        for other in everything:
            halted.setdefault(other, why)
            if since is not None:
                halted_at.setdefault(other, since)
    return replace(
        record,
        halted={name: reason for name, reason in halted.items() if name not in wanted},
        halted_at={name: at for name, at in halted_at.items() if name not in wanted},
    )


def let_all_run(record: CareRecord) -> CareRecord:
    """Nothing is halted any more."""
    return replace(record, halted={}, halted_at={})
