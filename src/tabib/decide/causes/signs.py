"""Signs of trouble: what is unusual at a service, before anything explains it away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tabib.decide.causes import words
from tabib.decide.causes.kinds import LATENCY, LOAD, OTHER, OWN, says
from tabib.decide.causes.question import Change, Line, Question, Told
from tabib.decide.causes.robust import median, middle
from tabib.decide.causes.shift import FEWEST, Clean, Shift, clean, level, shift

UNUSUAL = 1.5
"""From this weight on a sign means something: about five robust deviations."""
_FLOOR = 0.02
_FLOOR_OF_MOST = 0.005
_SMALL = {
    "cpu_us": 3e3,
    "cpu_throttled_us": 5e3,
    "cpu_pressure_us": 5e3,
    "io_pressure_us": 5e3,
    "memory_pressure_us": 5e3,
    "memory_working_set_bytes": 5e5,
    "block_read_bytes": 5e4,
    "block_written_bytes": 5e4,
    "network_received_bytes": 2e3,
    "network_sent_bytes": 2e3,
    "processes": 0.5,
    "threads": 0.5,
    "open_files": 1.0,
}
"""Of the recorder's own figures: a deviation that never matters, in their units (a second)."""
_COMPLAINED = 0.6
"""So much of a complaint weighs at the service that is complained of."""
_MANY, _MOST = 8, 0.5
"""So many connections at least, and such a share of them, make a user the one that used them up."""
_LATE = 0.4
"""What begins at the very end weighs less by this share than what begins with the trouble."""
_TOLD = 5.0
GONE = "gone"
"""The metric of a service of which nothing is read any more."""
_GONE = 6.5
"""The weight of a finding that is certain."""
_HALF_RATIO = 0.5
_TENFOLD = math.log1p(10.0)
_OWN_WORK = 0.5
"""What is left of a service's work that its own load explains."""
_ALONE = 2.0
"""The weight of a change at a service that shows nothing unusual."""
_CHANGED = {"release": 0.6, "configuration": 0.6, "image": 0.6, "restart": 0.3, "host": 0.3}
_LATELY_S = 900.0

_SYMPTOMS = frozenset(
    {
        *("network.refused", "network.dns", "network.timeout", "network.partition"),
        *("health.unhealthy", "health.timeout", "health.slow-start"),
        *("exit.app-error", "exit.finished", "restart.loop", "log.errors"),
    }
)
"""Findings that the trouble of another service may well have brought about."""
_USED_UP = frozenset({"database.too-many-connections", "network.pool-exhausted"})
"""Findings of something shared that its users have used up."""


@dataclass(slots=True)
class Sign:
    """One unusual thing; ``weight`` shrinks as it is explained."""

    service: str
    metric: str
    kind: str
    weight: float
    rises: bool = True
    onset: float | None = None
    rhythm: float = 0.0
    shift: Shift | None = None
    told: Told | None = None
    reasons: list[str] = field(default_factory=list)
    explained_by: str = ""
    seen: float = 0.0
    """The weight before anything explained it."""

    @property
    def symptom(self) -> bool:
        """What a callee's trouble may have brought about."""
        told = self.told
        if told is None:
            return False
        return told.code in _SYMPTOMS or told.about not in ("", self.service)

    @property
    def used_up(self) -> bool:
        told = self.told
        return told is not None and told.code in _USED_UP and told.about in ("", self.service)


def signs(question: Question) -> list[Sign]:
    """A sign for each figure and finding, and for each late change at a service without one."""
    cleaned = [line for each in question.series if (line := clean(each)) is not None]
    floors = _floors(cleaned)
    found = [
        _of_shift(shift(line, question.at, floors[line.metric]), question.at) for line in cleaned
    ]
    found += _gone(question)
    for told in question.findings:
        found += _of_told(told)
    found += _of_holders(found, question)
    _by_time(found, question.at)
    _by_own_load(found)
    _with_changes(found, question)
    for one in found:
        one.seen = one.weight
    return found


def _floors(lines: Iterable[Clean]) -> Mapping[str, float]:
    """Metric → a deviation that is small beside what the services have of it."""
    levels: dict[str, list[float]] = {}
    for line in lines:
        levels.setdefault(line.metric, []).append(level(line))
    floors = {}
    for metric, each in levels.items():
        found = [one for one in each if one > 0]
        usual = _FLOOR * median(found) if found else 0.0
        floors[metric] = max(usual, _FLOOR_OF_MOST * max(each), _SMALL.get(metric, 0.0))
    return floors


def _of_shift(one: Shift, at: float) -> Sign:
    if one.kind == LATENCY:
        # Of times that add up along the calls, the deepest grew the most for its size.
        size = 0.4 + 0.6 * min(1.0, math.log1p(one.ratio) / _TENFOLD)
    else:
        size = 0.6 + 0.4 * one.ratio / (one.ratio + _HALF_RATIO)
    weight = math.log1p(one.z) * size * says(one.kind, one.rises) * (0.7 + 0.3 * one.lasting)
    return Sign(
        service=one.service,
        metric=one.metric,
        kind=one.kind,
        weight=weight,
        rises=one.rises,
        onset=one.onset,
        rhythm=one.rhythm,
        shift=one,
        reasons=[words.of_shift(one, at)],
    )


def _gone(question: Question) -> list[Sign]:
    """Services of which nothing is read any more, while others are."""
    last: dict[str, float] = {}
    for line in question.series:
        pairs = zip(reversed(line.times), reversed(line.values), strict=False)
        read = next((time for time, value in pairs if value is not None), None)
        if read is not None and len(line.times) >= FEWEST:
            last[line.service] = max(last.get(line.service, read), read)
    rhythm = min((gap for line in question.series if (gap := _gap(line)) > 0), default=0.0)
    if len(last) < 2 or not rhythm:
        return []
    end = middle(sorted(last.values()))
    return [
        Sign(
            service=service,
            metric=GONE,
            kind=OTHER,
            weight=_GONE,
            onset=moment,
            rhythm=rhythm,
            reasons=[words.of_gone(service, moment, question.at)],
        )
        for service, moment in sorted(last.items())
        if end - moment > 3.5 * rhythm
        and moment > question.at - _LATELY_S
        and service != question.target
    ]


def _gap(line: Line) -> float:
    count = len(line.times)
    return (line.times[-1] - line.times[0]) / (count - 1) if count > 1 else 0.0


def _of_told(one: Told) -> list[Sign]:
    """What is said of another service is a sign of that one too."""
    weight = _TOLD * one.weight
    mine = Sign(
        service=one.service,
        metric=one.code,
        kind=OTHER,
        weight=weight,
        onset=one.at,
        told=one,
        reasons=[f"{one.service}: {one.summary}"],
    )
    if one.about in ("", one.service):
        return [mine]
    mine.weight *= 1 - _COMPLAINED
    theirs = Sign(
        service=one.about,
        metric=one.code,
        kind=OTHER,
        weight=_COMPLAINED * weight,
        onset=one.at,
        told=replace(one, service=one.about, about=""),
        reasons=[f"{one.service} complains of {one.about}: {one.summary}"],
    )
    return [mine, theirs]


def _of_holders(found: Sequence[Sign], question: Question) -> list[Sign]:
    """Of what is used up, whoever holds most of it."""
    made = []
    for one in found:
        if not one.used_up:
            continue
        users = {
            caller: count
            for (caller, callee), count in sorted(question.connections.items())
            if callee == one.service
        }
        if not users:
            continue
        caller = max(users, key=lambda name: users[name])
        held, everything = users[caller], sum(users.values())
        if held < _MANY or held < _MOST * everything:
            continue
        reason = f"{caller} holds {held} of {everything} connections to {one.service}"
        made.append(
            Sign(
                service=caller,
                metric="connections",
                kind=OTHER,
                weight=_TOLD * 1.2 * held / everything,
                reasons=[reason],
            )
        )
        one.weight *= 1 - 0.6 * held / everything
        one.explained_by = caller
        one.reasons.append(reason)
    return made


def _by_time(found: Sequence[Sign], at: float) -> None:
    """Causes come first: what began after most of what is unusual weighs less."""
    unusual = sorted(
        (one.onset, one.weight)
        for one in found
        if one.onset is not None and one.shift is not None and one.weight >= UNUSUAL
    )
    if not unusual:
        return
    half, usual = sum(weight for _, weight in unusual) / 2, unusual[0][0]
    for onset, weight in unusual:
        half -= weight
        if half <= 0:
            usual = onset
            break
    end = max((one.shift.until for one in found if one.shift is not None), default=at)
    for one in found:
        if one.shift is None or one.onset is None or one.onset <= usual + 2 * one.rhythm:
            continue
        one.weight *= 1 - _LATE * min(1.0, (one.onset - usual) / max(end - usual, 1e-9))


def _by_own_load(found: Sequence[Sign]) -> None:
    """More work for more requests is no fault of the service's own."""
    loads: dict[str, list[Sign]] = {}
    for one in found:
        if one.kind == LOAD and one.rises and one.weight >= UNUSUAL:
            loads.setdefault(one.service, []).append(one)
    for one in found:
        if one.kind not in OWN or one.shift is None or not one.rises:
            continue
        for load in loads.get(one.service, ()):
            if load.shift is None or not _not_after(load, one):
                continue
            if one.shift.ratio <= 1.5 * load.shift.ratio:
                one.weight *= _OWN_WORK
                one.reasons.append(f"it follows {load.metric}, which rose as well")
                break


def _not_after(first: Sign, second: Sign) -> bool:
    if first.onset is None or second.onset is None:
        return True
    return first.onset <= second.onset + 2 * max(first.rhythm, second.rhythm)


def _with_changes(found: list[Sign], question: Question) -> None:
    for change in question.changes:
        touched = [one for one in found if change.service in ("", one.service)]
        # Of a service that was changed the largest sign counts more; a change after it is no cause.
        mine = [one for one in touched if one.weight >= UNUSUAL and _before(change, one, question)]
        for one in mine:
            one.weight *= 1 + _CHANGED.get(change.kind, 0.3) * _lately(change, one.onset, question)
            one.reasons.append(words.of_change(change, one.onset or question.at))
        if not mine and change.service and change.at <= question.at:
            age = _lately(change, None, question)
            if age > 0:
                found.append(_of_change(change, age, question))


def _before(change: Change, one: Sign, question: Question) -> bool:
    onset = question.at if one.onset is None else one.onset
    return change.at <= onset + max(2 * one.rhythm, 1.0)


def _lately(change: Change, onset: float | None, question: Question) -> float:
    """1 for a change just before, 0 from a quarter of an hour on."""
    age = (question.at if onset is None else onset) - change.at
    return max(0.0, 1.0 - max(0.0, age) / _LATELY_S)


def _of_change(change: Change, age: float, question: Question) -> Sign:
    share = _CHANGED.get(change.kind, 0.3) / 0.6
    return Sign(
        service=change.service,
        metric=f"change.{change.kind}",
        kind=OTHER,
        weight=_ALONE * share * age,
        onset=change.at,
        reasons=[words.of_change(change, question.at)],
    )
