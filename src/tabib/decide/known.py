"""What a look finds where an incident is open already: the same again, or more of it."""

from __future__ import annotations

from dataclasses import replace

from tabib.decide.verdict import TROUBLE, Kind, Verdict
from tabib.model.incident import Incident

_CONTINUED = {Kind.UNKNOWN_EXIT: Kind.FAILED, Kind.UNKNOWN_REMOVAL: Kind.DRIFT_REMOVED}
"""What nobody could tell is known where tabib itself was treating the slot when it was cut off."""


def in_light_of(verdict: Verdict, incident: Incident | None) -> Verdict | None:
    """The verdict of a look, given the open incident of the same container.

    None: the same trouble was reported already and waits for a person; reporting it at every look
    would tell nothing new.
    """
    if incident is None or not verdict.actionable:
        return verdict
    if incident.outcome == "needs_human":
        return verdict if verdict.kind is Kind.ENGINE_STOPPED_IT else None
    kind = _CONTINUED.get(verdict.kind)
    if kind is None:
        return verdict
    return replace(
        verdict,
        kind=kind,
        trigger=TROUBLE[kind],
        reason="its treatment was cut off when tabib ended: it goes on",
    )
