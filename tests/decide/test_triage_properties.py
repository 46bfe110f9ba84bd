"""What triage promises whatever the engine reports, in whatever order and number."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decide.replay import RECORDINGS, Replay, project, recording, slot

from tabib.decide.triage import classify
from tabib.decide.verdict import Kind, OwnAction, ProjectFacts, SlotFacts
from tabib.model.event import Event
from tabib.model.plan import Verb

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))
BASE = datetime(2026, 1, 1, tzinfo=UTC)
OURS = {
    "kill": Verb.KILL_CONTAINER,
    "die": Verb.STOP_CONTAINER,
    "stop": Verb.STOP_CONTAINER,
    "start": Verb.START_CONTAINER,
    "destroy": Verb.REMOVE_CONTAINER,
    "create": Verb.CREATE_CONTAINER,
}

slots = st.builds(
    SlotFacts,
    service=st.just("api"),
    slot=st.just(1),
    container=st.just("tabibrec-api-1"),
    restart=st.sampled_from([None, "no", "always", "unless-stopped", "on-failure:3"]),
    has_healthcheck=st.booleans(),
    job=st.booleans(),
    last_running=st.booleans(),
    halted=st.sampled_from(["", "stopped", "removed", "finished", "quarantined"]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of up to three containers of the slot, also ones no engine would send."""
    events = []
    time_ns = int(BASE.timestamp() * 1e9)
    for _ in range(draw(st.integers(1, 14))):
        time_ns += draw(st.integers(1, 5_000)) * 1_000_000
        action = draw(st.sampled_from([*OURS, "oom", "health_status", "restart", "pause"]))
        attributes = {
            "com.docker.compose.project": "tabibrec",
            "com.docker.compose.service": "api",
            "com.docker.compose.container-number": "1",
        }
        if action == "die":
            attributes["exitCode"] = str(draw(st.sampled_from([0, 1, 127, 137, 143])))
        if action == "kill":
            attributes["signal"] = str(draw(st.sampled_from([1, 9, 10, 15])))
        if action == "health_status":
            attributes["health"] = draw(st.sampled_from(["healthy", "unhealthy"]))
        events.append(
            Event(
                at=BASE + timedelta(microseconds=(time_ns - int(BASE.timestamp() * 1e9)) // 1000),
                time_ns=time_ns,
                kind="container",
                action=action,
                id=draw(st.sampled_from(["a" * 64, "b" * 64, "c" * 64])),
                name="tabibrec-api-1",
                attributes=attributes,
            )
        )
    return events


@given(histories(), slots, st.integers(0, 2**16), st.integers(0, 120))
@settings(max_examples=300, deadline=None)
def test_order_and_duplicates_do_not_matter(
    events: list[Event], facts: SlotFacts, seed: int, later_s: int
) -> None:
    event = events[-1]
    now = event.at + timedelta(seconds=later_s)
    plain = classify(event, events, (), project(facts), now)
    muddled = [*events, *events[::2], *events]
    random.Random(seed).shuffle(muddled)
    assert classify(event, muddled, (), project(facts), now) == plain
    assert classify(event, events[:-1], (), project(facts), now) == plain


@given(histories(), slots)
@settings(max_examples=300, deadline=None)
def test_our_own_actions_are_never_acted_upon(events: list[Event], facts: SlotFacts) -> None:
    own = [
        OwnAction(
            target=e.id,
            verb=OURS[e.action],
            started_at=e.at - timedelta(milliseconds=1),
            ended_at=e.at,
        )
        for e in events
        if e.action in OURS
    ]
    for event in events:
        if event.action in OURS:
            verdict = classify(event, events, own, project(facts), event.at)
            assert verdict.kind is Kind.IGNORE
            assert not verdict.actionable


@given(histories(), slots)
@settings(max_examples=300, deadline=None)
def test_settling_ends(events: list[Event], facts: SlotFacts) -> None:
    far = events[-1].at + timedelta(minutes=5)
    for event in events:
        assert classify(event, events, (), project(facts), far).decide_at is None


@given(st.sampled_from(["stop", "stop_ignored", "stop_own_signal", "kill", "kill_term"]), slots)
@settings(deadline=None)
def test_what_was_stopped_by_hand_is_never_acted_upon(name: str, facts: SlotFacts) -> None:
    replay = Replay(project(facts))
    replay.run(recording(name))
    assert not any(verdict.actionable for _, verdict in replay.decided)


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=60, deadline=None)
def test_recordings_judge_the_same_with_duplicates(name: str, data: st.DataObject) -> None:
    events = recording(name)
    event = data.draw(st.sampled_from(events))
    facts: ProjectFacts = project(slot(), slot("web"))
    now = event.at + timedelta(seconds=data.draw(st.sampled_from([0.04, 1.0, 4.0, 60.0])))
    history = [e for e in events if e.at <= now]
    verdict = classify(event, history, (), facts, now)
    assert classify(event, list(reversed(history)) * 2, (), facts, now) == verdict
