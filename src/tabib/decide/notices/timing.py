"""When to send: one destination, what waits for it, what it was told lately, and the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from tabib.decide.notices.occasions import RANK
from tabib.decide.notices.quiet import quiet_until
from tabib.model.notice import USUAL_LIMIT, Destination, Notice, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    together: timedelta = timedelta(seconds=5)
    """So long a notice waits for others: a storm is one message."""
    messages: int = USUAL_LIMIT
    """At most so many to one destination within ``window``."""
    reserved: int = 3
    """Of ``messages``, how many are kept for what is urgent."""
    window: timedelta = timedelta(minutes=10)
    flaps: int = 3
    """An incident that came back so often within an hour flaps."""
    flap_window: timedelta = timedelta(hours=1)
    stable: timedelta = timedelta(minutes=10)
    """What flaps is told again once it stood still for so long."""
    gives_up: timedelta = timedelta(hours=24)
    """A notice that could not be delivered for so long is given up."""


LIMITS = Limits()
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``send``: the notices of one message, to be sent now, each incident once. ``covered``: those
    that it makes needless. ``expired``: to be given up. ``wake_at``: when to ask again at the
    latest; None: when something happens."""

    send: tuple[Notice, ...] = ()
    covered: tuple[Notice, ...] = ()
    expired: tuple[Notice, ...] = ()
    flapping: Mapping[str, int] = field(default_factory=dict)
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """What waits about one incident; the latest stands for it."""

    latest: Notice
    earlier: tuple[Notice, ...]
    due: datetime
    held: bool
    """Until a morning, or until it stands still."""
    urgent: bool
    flaps: int


def plan(
    pending: Sequence[Notice],
    told: Sequence[Told],
    destination: Destination,
    now: datetime,
    zones: Mapping[str, tzinfo],
    limits: Limits = LIMITS,
) -> Plan:
    """What to send to ``destination`` now, and when to look again.

    ``told``: what it was told within ``limits.flap_window``. The order of ``pending`` and ``told``
    does not matter.
    """
    expired = tuple(one for one in _sorted(pending) if _hopeless(one, destination, now, limits))
    gone = {one.id for one in expired}
    groups = _groups([one for one in pending if one.id not in gone], told, now, zones, limits)
    if not groups:
        return Plan(expired=expired)
    ready = [one for one in groups if one.due <= now]
    if ready:
        ready = [one for one in groups if one.due <= now or not one.held]
    if not ready:
        return Plan(expired=expired, wake_at=min(one.due for one in groups))
    not_before = _not_before(ready, told, destination, now, limits)
    if not_before > now:
        return Plan(expired=expired, wake_at=not_before)
    rest = [one.due for one in groups if one not in ready]
    return Plan(
        send=tuple(one.latest for one in ready),
        covered=tuple(notice for one in ready for notice in one.earlier),
        expired=expired,
        flapping={one.latest.incident: one.flaps for one in ready if one.flaps},
        wake_at=min(rest, default=None),
    )


def back_off(failures: int) -> timedelta:
    """The pause after so many failures in a row: 1 s, 2 s, 4 s … 10 min."""
    return timedelta(seconds=min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30)))


def _sorted(notices: Iterable[Notice]) -> list[Notice]:
    return sorted(notices, key=lambda one: (one.at, RANK[one.kind], one.id))


def _hopeless(one: Notice, destination: Destination, now: datetime, limits: Limits) -> bool:
    return destination.failures > 0 and now - one.at >= limits.gives_up


def _groups(
    pending: Sequence[Notice],
    told: Sequence[Told],
    now: datetime,
    zones: Mapping[str, tzinfo],
    limits: Limits,
) -> list[_Group]:
    by_incident: dict[str, list[Notice]] = {}
    for one in _sorted(pending):
        by_incident.setdefault(one.incident, []).append(one)
    return [
        _group(mine, [one for one in told if one.notice.incident == incident], now, zones, limits)
        for incident, mine in by_incident.items()
    ]


def _group(
    mine: Sequence[Notice],
    told: Sequence[Told],
    now: datetime,
    zones: Mapping[str, tzinfo],
    limits: Limits,
) -> _Group:
    latest, earlier = mine[-1], tuple(mine[:-1])
    urgent = any(one.urgent for one in mine)
    flaps = 0 if any(one.kind == "needs_human" for one in mine) else _flaps(mine, told, now, limits)
    due, held = mine[0].at + limits.together, False
    if urgent:
        due = min(one.at for one in mine if one.urgent)
    else:
        stands = _stands_still(latest, told, flaps, limits)
        morning = _morning(mine, now, zones)
        if stands is not None and stands > now:
            due, held = stands, True
        if morning is not None and morning > now:
            due, held = max(morning, due) if held else morning, True
    return _Group(latest, earlier, due, held, urgent, flaps)


def _flaps(mine: Sequence[Notice], told: Sequence[Told], now: datetime, limits: Limits) -> int:
    """How often it came back within the hour; 0 where that is not often enough to say so."""
    notices = {one.id: one for one in (*mine, *(one.notice for one in told))}
    lately = {one.era for one in notices.values() if now - one.at < limits.flap_window}
    return len(lately) - 1 if len(lately) > limits.flaps else 0


def _stands_still(
    latest: Notice, told: Sequence[Told], flaps: int, limits: Limits
) -> datetime | None:
    """When what flaps, and was said to, is told again; None: nothing holds it."""
    said = [one.at for one in told if one.told_as == "flapping"]
    if not flaps or not said:
        return None
    return min(latest.at + limits.stable, max(said) + limits.flap_window)


def _morning(mine: Sequence[Notice], now: datetime, zones: Mapping[str, tzinfo]) -> datetime | None:
    if any(one.severity == "critical" for one in mine):
        return None
    latest = mine[-1]
    return quiet_until(now, latest.quiet_hours, zones.get(latest.timezone, UTC))


def _not_before(
    ready: Sequence[_Group],
    told: Sequence[Told],
    destination: Destination,
    now: datetime,
    limits: Limits,
) -> datetime:
    """When the destination takes the next message: after a failure, and by its limit."""
    urgent = [notice for one in ready if one.urgent for notice in (*one.earlier, one.latest)]
    earliest = now
    failed_at = destination.failed_at
    fresh = any(one.urgent and failed_at is not None and one.at > failed_at for one in urgent)
    if destination.retry_at is not None and not fresh:
        earliest = max(earliest, destination.retry_at)
    messages = {one.message: one.at for one in told}
    sent = sorted(at for at in messages.values() if now - at < limits.window)
    allowed = limits.messages if urgent else max(1, limits.messages - limits.reserved)
    if len(sent) >= allowed:
        earliest = max(earliest, sent[len(sent) - allowed] + limits.window)
    return earliest
