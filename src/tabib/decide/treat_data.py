"""What is done about data that was lost or damaged: its witnesses' judgement as a decision."""

from __future__ import annotations

from datetime import datetime

from tabib.decide.backups.witness import Do, weigh
from tabib.decide.treatments import Action, Decision, Patient


def about_data(patient: Patient, now: datetime) -> Decision | None:
    """The decision; None where the trouble is not about data, or its data is sound: then it is
    treated as any other."""
    damage = patient.damage
    if damage is None:
        return None
    judgement = weigh(damage, now)
    if judgement.do is Do.START:
        return None
    snapshot = damage.copy.snapshot if damage.copy else ""
    if judgement.do is Do.RESTORE:
        return Decision(
            action=Action.RESTORE,
            reason=judgement.reason,
            datasets=damage.datasets,
            snapshot=snapshot,
        )
    if judgement.do is Do.OFFER and snapshot:
        return Decision(
            action=Action.OFFER,
            reason=judgement.reason,
            proposed=Action.RESTORE,
            datasets=damage.datasets,
            snapshot=snapshot,
            needs_human=True,
        )
    return Decision(action=Action.NONE, reason=judgement.reason, needs_human=True)
