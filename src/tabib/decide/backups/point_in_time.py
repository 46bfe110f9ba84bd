"""Of which data a log of all changes can be kept. Pure."""

from __future__ import annotations

from tabib.model.backup import Dataset

LOGGED = ("postgres", "sqlite")
"""Kinds of data whose changes can be kept as they are made."""
ELSEWHERE = (
    "the engine is on another machine: a log is received into tabib's state folder, which is on "
    "this one. Run tabib on that machine"
)


def why_no_log(dataset: Dataset, *, local: bool, litestream: bool) -> str:
    """Why none can be kept; ``""``: it can. ``local``: the engine is on this machine;
    ``litestream``: that program is there."""
    if dataset.kind not in LOGGED:
        return f"there is none of {dataset.kind} data"
    if not dataset.covered:
        return "it is not backed up"
    if dataset.method:
        return f"no log leads on from files that are copied by `method: {dataset.method}`"
    if not local:
        return ELSEWHERE
    if dataset.kind == "sqlite" and not litestream:
        return "Litestream is not on this machine: install it, or name it as [backup] litestream"
    return ""
