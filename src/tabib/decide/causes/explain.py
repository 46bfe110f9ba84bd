"""Explaining away along the graph: a caller's trouble by its callee's, a callee's want by its
caller's demand, a want of the machine by whoever takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from tabib.decide.causes.kinds import (
    CPU,
    DEMAND,
    DISK,
    HELD,
    LATENCY,
    LOAD,
    MEMORY,
    NETWORK,
    PRESSURE,
    UPWARD,
)
from tabib.decide.causes.signs import GONE, UNUSUAL, Sign

_BY_CALLEE = 0.75
"""So much of a caller's symptom goes where a callee shows as much trouble."""
_OWN_BY_CALLEE = {HELD: 0.7, MEMORY: 0.3, CPU: 0.2}
_AS_LARGE = 0.25
"""A callee explains a caller's change of the same figure by one of at least this share of it."""
_GRADUAL = 0.08
"""What takes this share of the time to grow is held on to; what waits, grows at once."""
_ALONE = 1.4
"""Of several users of one thing, one that grew by so much more than the next uses it up."""
_BY_CALLER = 0.6
_BY_NEIGHBOUR = 0.6
_ENOUGH = 0.45
"""A callee that shows less than this share of the trouble does not explain it."""
_CREDIT = 0.12
"""What explains others weighs more by this share of it, from three at most."""
_DISTANT = 0.5
"""What is left of a service that the troubled one neither uses nor shares anything with."""

Graph = Mapping[str, Collection[str]]


def explain(signs: Sequence[Sign], calls: Graph) -> None:
    """Weigh the signs by the graph (service → what it uses). Cycles are fine: of two that could
    explain each other the earlier, then the heavier, explains."""
    by_service: dict[str, list[Sign]] = {}
    for one in signs:
        by_service.setdefault(one.service, []).append(one)
    callees = {name: _observed(name, calls, by_service) for name in sorted(by_service)}
    callers: dict[str, list[str]] = {}
    for name, used in callees.items():
        for each in used:
            callers.setdefault(each, []).append(name)
    cyclic = _cycles(callees)
    credit: dict[int, list[float]] = {}
    for name in sorted(by_service):
        above = [(each, by_service[each]) for each in callers.get(name, ())]
        for one in by_service[name]:
            by = _by_caller(one, above)
            if by is not None:
                credit.setdefault(id(by), []).append(one.seen)
    for name in sorted(by_service):
        below = [(each, by_service[each]) for each in callees[name]]
        for one in by_service[name]:
            by = None if one.explained_by else _by_callee(one, below, name, cyclic)
            if by is not None:
                credit.setdefault(id(by), []).append(one.seen)
    for one in signs:
        given = sorted(credit.get(id(one), ()), reverse=True)[:3]
        if not one.explained_by:
            one.weight += _CREDIT * sum(given)


def explain_pressure(signs: Sequence[Sign]) -> None:
    """Who waits for the machine waits for whoever on it took more of it, no later."""
    takers = [
        one
        for one in signs
        if one.kind in (CPU, DISK, MEMORY) and one.shift and one.rises and one.seen >= UNUSUAL
    ]
    for one in signs:
        if one.kind != PRESSURE or one.seen < UNUSUAL:
            continue
        taker = _heaviest(
            each
            for each in takers
            if each.service != one.service
            and each.kind == _taken(one.metric)
            and _not_later(each, one)
        )
        if taker is not None and taker.seen >= _ENOUGH * one.seen:
            _explained(one, taker, _BY_NEIGHBOUR, "takes the machine's time")


def _taken(metric: str) -> str:
    """What there is too little of."""
    name = metric.lower()
    return MEMORY if "mem" in name else DISK if "io" in name or "disk" in name else CPU


def distance(signs: Sequence[Sign], calls: Graph, target: str) -> None:
    """What has nothing to do with the troubled service is less likely its cause."""
    if not target:
        return
    used = _reachable(target, calls)
    near = used | {target}
    near |= {name for name in calls if any(each in used for each in calls[name])}
    for one in signs:
        if one.service not in near:
            one.weight *= _DISTANT


def _observed(name: str, calls: Graph, known: Collection[str]) -> list[str]:
    """What it uses that something is known of, through what nothing is known of."""
    found: list[str] = []
    seen = {name}
    todo = sorted(calls.get(name, ()), reverse=True)
    while todo:
        each = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        if each in known:
            found.append(each)
        else:
            todo += sorted(calls.get(each, ()), reverse=True)
    return found


def _reachable(start: str, calls: Graph) -> set[str]:
    found: set[str] = set()
    todo = list(calls.get(start, ()))
    while todo:
        each = todo.pop()
        if each not in found:
            found.add(each)
            todo += calls.get(each, ())
    return found


def _cycles(callees: Graph) -> frozenset[tuple[str, str]]:
    """Pairs (caller, callee) in which the callee uses the caller again."""
    back = {name: _reachable(name, callees) for name in callees}
    return frozenset(
        (name, each) for name in callees for each in callees[name] if name in back.get(each, ())
    )


def _by_callee(
    one: Sign,
    below: Iterable[tuple[str, list[Sign]]],
    name: str,
    cyclic: Collection[tuple[str, str]],
) -> Sign | None:
    """The callee's sign that explains this one, which is then weighed less."""
    symptom = one.symptom or (one.shift is not None and one.kind in UPWARD)
    waiting = one.shift is not None and one.kind in _OWN_BY_CALLEE and one.rises
    if waiting and one.kind in (HELD, MEMORY) and one.shift and one.shift.gradual >= _GRADUAL:
        waiting = False
    starved = one.kind in DEMAND and not one.rises
    if one.used_up or not (symptom or waiting or starved) or one.seen < UNUSUAL:
        return None
    best: Sign | None = None
    for each, theirs in below:
        found = _spreading(one, [sign for sign in theirs if sign.explained_by != name])
        if found is None or found.seen < _ENOUGH * one.seen or not _not_later(found, one):
            continue
        if (name, each) in cyclic and (_onset(found), -found.seen) >= (_onset(one), -one.seen):
            continue
        if best is None or found.seen > best.seen:
            best = found
    if best is None:
        return None
    share = _BY_CALLEE if symptom or starved else _OWN_BY_CALLEE[one.kind]
    _explained(one, best, share, f"which {name} uses, is in trouble")
    return best


def _by_caller(one: Sign, above: Sequence[tuple[str, list[Sign]]]) -> Sign | None:
    """The caller's sign whose demand explains what is used up here."""
    if one.explained_by:
        return None  # who holds it was counted
    if one.used_up:
        causes: frozenset[str] = frozenset({HELD, MEMORY, LOAD, NETWORK, CPU})
    elif one.shift is None or not one.rises or one.seen < UNUSUAL:
        return None
    elif one.kind == HELD:
        causes = frozenset({HELD, LOAD, NETWORK})
    elif one.kind in (LOAD, NETWORK, CPU):
        causes = frozenset({LOAD, NETWORK})
    else:
        return None
    asking = [
        sign
        for _, theirs in above
        for sign in theirs
        if sign.shift is not None
        and sign.kind in causes
        and sign.rises
        and sign.seen >= UNUSUAL
        and (one.used_up or (sign.seen >= _ENOUGH * one.seen and _earlier(sign, one)))
    ]
    if not one.used_up and one.kind == HELD:
        asking = [sign for sign in asking if sign.kind != HELD or _alone(sign, asking, above)]
    best = _heaviest(asking)
    if best is not None:
        _explained(one, best, _BY_CALLER, f"which uses {one.service}, asks for more")
        if one.used_up:
            best.reasons.append(f"{one.service} is used up: {one.reasons[0]}")
            best.weight += one.seen * 0.8
    return best


def _alone(sign: Sign, asking: Sequence[Sign], above: Sequence[object]) -> bool:
    """Whether it is the one of several users whose hold grew: where all wait, all grow."""
    others = [each.seen for each in asking if each.service != sign.service and each.kind == HELD]
    grows = sign.shift is not None and sign.shift.gradual >= _GRADUAL
    return grows and len(above) > 1 and sign.seen >= _ALONE * max(others, default=0.0)


def _spreading(one: Sign, theirs: Sequence[Sign]) -> Sign | None:
    """The heaviest of a callee's signs, where the callee has something that its caller suffers
    from: it fails or is slow, as far as that is measured; else any trouble but less to do."""
    told = [sign for sign in theirs if sign.told is not None or sign.metric == GONE]
    suffered = [sign for sign in theirs if sign.shift is not None and sign.kind in UPWARD]
    unusual = [sign for sign in theirs if sign.seen >= UNUSUAL and sign.rises]
    if suffered and not told:
        bad = [sign for sign in suffered if sign.seen >= UNUSUAL and _large(sign, one)]
        if not bad:
            return None
        return _heaviest([*bad, *unusual])
    return _heaviest([*told, *unusual, *(s for s in suffered if s.seen >= UNUSUAL)])


def _large(sign: Sign, one: Sign) -> bool:
    """Of the same figure: whether it changed by as much as the caller's."""
    if sign.shift is None or one.shift is None:
        return True
    if sign.kind == LATENCY and one.kind == LATENCY and sign.metric != one.metric:
        return False
    if sign.metric != one.metric:
        return True
    mine, theirs = (each.after - each.before for each in (one.shift, sign.shift))
    return mine * theirs > 0 and abs(theirs) >= _AS_LARGE * abs(mine)


def _explained(one: Sign, by: Sign, share: float, why: str) -> None:
    one.weight *= 1 - share * min(1.0, by.seen / max(one.seen, 1e-9))
    one.explained_by = by.service
    one.reasons.append(f"explained by {by.service}: it {why}" if why.startswith("takes")
                       else f"explained by {by.service}, {why}")  # fmt: skip


def _heaviest(signs: Iterable[Sign]) -> Sign | None:
    return max(signs, key=lambda one: (one.seen, one.service, one.metric), default=None)


def _onset(one: Sign) -> float:
    return one.onset if one.onset is not None else float("-inf")


def _slack(first: Sign, second: Sign) -> float:
    return 3 * max(first.rhythm, second.rhythm)


def _not_later(first: Sign, second: Sign) -> bool:
    """Whether the first may have caused the second by the time; slow growth is seen late."""
    if first.onset is None or second.onset is None:
        return True
    return first.onset <= second.onset + _slack(first, second) + 30.0


def _earlier(first: Sign, second: Sign) -> bool:
    if first.onset is None or second.onset is None:
        return True
    return first.onset <= second.onset + max(first.rhythm, second.rhythm)
