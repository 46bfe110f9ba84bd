"""Whatever happens in whichever order: nothing critical is lost, nothing is told twice, and no
destination gets more than its limit."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tabib.decide.notices import LIMITS, back_off, plan
from tabib.model.notice import Destination, Notice, Told

START = datetime(2030, 1, 9, 20, 0, tzinfo=UTC)
ZONES = {"": UTC}
SEVERITIES = ("info", "warning", "error", "critical")


@dataclass
class Life:
    """One destination, simulated: what ``plan`` says is done, and time goes on."""

    notices: list[Notice]
    fails: frozenset[int]
    """Attempts that fail."""
    seed: int = 0
    now: datetime = START
    place: Destination = field(
        default_factory=lambda: Destination(id="d", url="", label="", known_since=START)
    )
    pending: dict[str, Notice] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    messages: list[tuple[datetime, tuple[Notice, ...]]] = field(default_factory=list)
    given_up: list[Notice] = field(default_factory=list)
    attempts: int = 0

    def run(self) -> None:
        coming = sorted(self.notices, key=lambda one: one.at)
        shuffle = random.Random(self.seed).shuffle
        for _ in range(5000):
            while coming and coming[0].at <= self.now:
                one = coming.pop(0)
                self.pending[one.id] = one
            pending, told = list(self.pending.values()), list(self.told)
            shuffle(pending)
            shuffle(told)
            found = plan(pending, told, self.place, self.now, ZONES)
            for one in found.expired:
                self.given_up.append(self.pending.pop(one.id))
            if found.send:
                self._send(found.send, found.covered, found.flapping)
                continue
            if not coming and not self.pending:
                return
            ahead = [at for at in (found.wake_at, coming[0].at if coming else None) if at]
            assert ahead, "something waits, and nobody wakes up for it"
            assert min(ahead) > self.now, "it would spin"
            self.now = min(ahead)
        raise AssertionError("it never ends")

    def _send(
        self, sent: tuple[Notice, ...], covered: tuple[Notice, ...], flapping: object
    ) -> None:
        self.attempts += 1
        if self.attempts in self.fails:
            failures = self.place.failures + 1
            self.place = replace(
                self.place,
                failures=failures,
                failed_at=self.now,
                retry_at=self.now + back_off(failures),
            )
            self.now += timedelta(milliseconds=10)
            return
        self.place = replace(self.place, failures=0, retry_at=None)
        name = f"m{self.attempts}"
        for one in (*sent, *covered):
            del self.pending[one.id]
            as_ = "flapping" if one.incident in flapping else "single"  # type: ignore[operator]
            as_ = as_ if one in sent else "covered"
            self.told.append(Told(notice=one, message=name, at=self.now, told_as=as_))
        self.messages.append((self.now, (*sent, *covered)))


@st.composite
def notices(draw: st.DrawFn) -> list[Notice]:
    found = []
    for number in range(draw(st.integers(1, 40))):
        incident = f"i{draw(st.integers(0, 12))}"
        kind = draw(st.sampled_from(("open", "needs_human", "recovery")))
        era = str(draw(st.integers(0, 6)))
        found.append(
            Notice(
                id=f"d/{incident}/{era}/{kind}",
                destination="d",
                kind=kind,
                at=START + timedelta(seconds=draw(st.integers(0, 7200))),
                incident=incident,
                era=era,
                project="shop",
                service="api",
                severity=draw(st.sampled_from(SEVERITIES)),
                title="",
                head="",
                text=str(number),
                quiet_hours=draw(st.sampled_from(("", "22:00-07:00", "20:30-20:45"))),
            )
        )
    return list({one.id: one for one in found}.values())


fails = st.frozensets(st.integers(1, 60), max_size=20)


@settings(max_examples=150, deadline=None)
@given(notices(), fails)
def test_everything_is_told_once_and_nothing_is_lost(
    all_: list[Notice], fails: frozenset[int]
) -> None:
    life = Life(all_, fails)
    life.run()
    told = [one.id for _, some in life.messages for one in some]
    assert sorted(told) == sorted({one.id for one in all_} - {one.id for one in life.given_up})
    assert len(told) == len(set(told))


@settings(max_examples=150, deadline=None)
@given(notices(), fails)
def test_no_window_has_more_messages_than_the_limit(
    all_: list[Notice], fails: frozenset[int]
) -> None:
    life = Life(all_, fails)
    life.run()
    times = [at for at, _ in life.messages]
    for at in times:
        assert sum(at <= one < at + LIMITS.window for one in times) <= LIMITS.messages


@settings(max_examples=150, deadline=None)
@given(notices())
def test_what_is_urgent_waits_for_nothing_but_the_limit(all_: list[Notice]) -> None:
    life = Life(all_, frozenset())
    life.run()
    times = [at for at, _ in life.messages]
    for at, some in life.messages:
        for one in some:
            if one.urgent and at > one.at:
                window = [t for t in times if one.at - LIMITS.window < t <= one.at]
                assert len(window) >= LIMITS.messages


@settings(max_examples=100, deadline=None)
@given(notices(), fails, st.integers(0, 1000))
def test_the_order_in_which_things_stand_does_not_matter(
    all_: list[Notice], fails: frozenset[int], seed: int
) -> None:
    one, other = Life(all_, fails), Life(all_, fails, seed=seed)
    one.run()
    other.run()
    assert one.messages == other.messages
