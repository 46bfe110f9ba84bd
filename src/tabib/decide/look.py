"""What one judgement of triage looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tabib.decide.timeline import Timeline, is_ours
from tabib.decide.verdict import (
    TROUBLE,
    Kind,
    OwnAction,
    ProjectFacts,
    SlotFacts,
    TriageLimits,
    Verdict,
)
from tabib.model.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything one judgement looks at."""

    event: Event
    line: Timeline
    own: Sequence[OwnAction]
    slot: SlotFacts
    project: ProjectFacts
    now: datetime
    limits: TriageLimits

    def says(self, kind: Kind, reason: str) -> Verdict:
        event = self.event
        return Verdict(
            kind=kind,
            reason=reason,
            container_id=event.id,
            container=event.name,
            service=event.service,
            slot=event.slot,
            trigger=TROUBLE.get(kind, ""),
            exit_code=event.exit_code,
        )

    def settling(self, since: datetime, wait_s: float, reason: str) -> Verdict | None:
        """``needs_settling`` until ``wait_s`` after ``since``; None once that has passed."""
        decide_at = since + timedelta(seconds=wait_s)
        if self.now >= decide_at:
            return None
        return replace(self.says(Kind.NEEDS_SETTLING, reason), decide_at=decide_at)

    def is_own(self, event: Event) -> bool:
        """Whether one of our own actions explains ``event``."""
        return is_ours(event, self.line, self.own, self.now, self.limits)
