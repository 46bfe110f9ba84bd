"""Replays recorded events through triage on virtual time, the way the care loop does."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tabib.decide.triage import classify
from tabib.decide.verdict import Kind, OwnAction, ProjectFacts, SlotFacts, Verdict
from tabib.model.codec import decode
from tabib.model.event import Event

RECORDINGS = Path(__file__).parent / "recordings"
SEEN_AFTER = timedelta(milliseconds=40)
"""From an event to its arrival."""


def recording(name: str) -> tuple[Event, ...]:
    return decode((RECORDINGS / f"{name}.json").read_bytes(), tuple[Event, ...])


def slot(service: str = "api", **facts: object) -> SlotFacts:
    given: dict[str, object] = {"last_running": True} | facts
    return SlotFacts(service=service, slot=1, container=f"tabibrec-{service}-1", **given)  # type: ignore[arg-type]


def project(*slots: SlotFacts) -> ProjectFacts:
    return ProjectFacts(
        project="tabibrec",
        slots={(one.service, one.slot): one for one in slots},
        networks=frozenset({"tabibrec_default"}),
    )


@dataclass
class Replay:
    """``decided`` holds each final verdict but ``ignore``, in the order of decision."""

    facts: ProjectFacts
    own: Sequence[OwnAction] = ()
    decided: list[tuple[str, Verdict]] = field(default_factory=list)
    decided_at: list[datetime] = field(default_factory=list)

    def run(self, events: Iterable[Event]) -> list[tuple[str, str, str]]:
        """(service, action, kind) of what was decided."""
        timeline = sorted(events, key=lambda event: event.time_ns)
        queue = [(e.at + SEEN_AFTER, e.time_ns, n, e) for n, e in enumerate(timeline)]
        heapq.heapify(queue)
        number = len(queue)
        while queue:
            now, _, _, event = heapq.heappop(queue)
            history = [e for e in timeline if e.at + SEEN_AFTER <= now]
            verdict = classify(event, history, self.own, self.facts, now)
            if verdict.kind is Kind.NEEDS_SETTLING:
                assert verdict.decide_at is not None
                assert verdict.decide_at > now, "settling must make progress"
                number += 1
                heapq.heappush(queue, (verdict.decide_at, event.time_ns, number, event))
            elif verdict.kind is not Kind.IGNORE:
                self.decided.append((event.action, verdict))
                self.decided_at.append(now)
        return [(v.service, action, str(v.kind)) for action, v in self.decided]
