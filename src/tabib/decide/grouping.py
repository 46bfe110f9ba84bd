"""One incident for each cause, not for each symptom: which open incident explains which.

Grouping is a function of the set of open incidents alone: in whatever order they were found, the
same ones end up under the same parent, one level deep.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tabib.decide.moments import noted
from tabib.decide.report import close
from tabib.decide.symptoms import SYMPTOMS
from tabib.model.incident import Incident

Depends = Callable[[str, str], Collection[str]]
"""(project, service) → all services that it depends on, also through others."""

_SHARED = frozenset({"database.migration-failed", "database.missing"})
"""What is wrong with something that several use: who depends on the one whose work it was sees the
same."""

_HOST = "engine.restarted"
_SEVERE = ("error", "critical")
_MILD = frozenset({"memory.child-oom"})
"""The service runs on: nothing else can suffer from it."""


def group(incidents: Iterable[Incident], depends: Depends) -> dict[str, str]:
    """Incident id → id of its parent, ``""`` for those that stand for themselves.

    ``incidents``: the open ones of one engine, in any order. A parent has no parent itself, and
    nothing is its own parent.
    """
    known = sorted(incidents, key=_age)
    best = {one.id: _explained_by(one, known, depends) for one in known}
    ages = {one.id: _age(one) for one in known}
    return {id: _parent(id, best, ages) for id in best}


def regrouped(
    incidents: Sequence[Incident], depends: Depends, at: datetime
) -> tuple[Incident, ...]:
    """Those of the open ``incidents`` that :func:`group` puts elsewhere, as they are then."""
    known = {one.id: one for one in incidents}
    changed = []
    for id, parent in group(incidents, depends).items():
        one = known[id]
        if not parent and _stays(one, known):
            continue
        moved = _attached(one, known[parent], at) if parent else _alone(one, at)
        if moved != one:
            changed.append(moved)
    return tuple(changed)


def settled(incidents: Sequence[Incident], at: datetime) -> tuple[Incident, ...]:
    """Those of the open ``incidents`` that change because another one has ended or got well.

    What is well is closed once nothing that it explains is open; what needs a person though its
    parent is well, or whose parent is no longer open, stands for itself.
    """
    known = {one.id: one for one in incidents}
    changed = {}
    for one in incidents:
        parent = known.get(one.parent)
        if not one.parent:
            continue
        if parent is None or (parent.well_at is not None and one.outcome == "needs_human"):
            changed[one.id] = known[one.id] = _alone(one, at)
    held = {one.parent for one in known.values() if one.parent}
    for one in tuple(known.values()):
        if one.well_at is not None and one.id not in held:
            changed[one.id] = close(one, "recovered", max(one.well_at, at))
    return tuple(changed.values())


def recovered(incident: Incident, open_: Iterable[Incident], at: datetime) -> Incident:
    """``incident`` when its own service is verified as well: closed, unless it explains others
    among the ``open_`` ones that are not yet well. One that is over is left as it is."""
    if incident.closed_at is not None:
        return incident
    waiting = [one for one in open_ if one.parent == incident.id and one.outcome == "open"]
    if not waiting:
        return close(incident, "recovered", at)
    names = ", ".join(sorted({one.service for one in waiting}))
    well = replace(incident, well_at=at, outcome="open", closed_at=None)
    return noted(well, at, "health", f"{incident.service} is well again; not yet: {names}")


# ── who explains whom ──────────────────────────────────────────────────────────────────────────


def _age(one: Incident) -> tuple[datetime, str]:
    return one.opened_at, one.id


def _explained_by(one: Incident, known: Sequence[Incident], depends: Depends) -> str:
    """The id of what explains ``one`` best; ``""`` where nothing does."""
    host = _of_the_host(one, known)
    if host:
        return host
    cited = [other for other in known if _cites(one, other)]
    needed = [
        other for other in known if _needs(one, other, depends) or _shares(one, other, depends)
    ]
    same = [other for other in known if _same_cause(one, other)]
    for found in (cited, needed, same):
        if found:
            return found[0].id
    return ""


def _of_the_host(one: Incident, known: Sequence[Incident]) -> str:
    """Everything that a restart of the engine brought down is one thing."""
    if one.cause.code != _HOST:
        return ""
    fallen = [other for other in known if other.cause.code == _HOST and other.id != one.id]
    return fallen[0].id if fallen and _age(fallen[0]) < _age(one) else ""


def _can_explain(one: Incident, other: Incident) -> bool:
    return (
        other.id != one.id
        and one.cause.code in SYMPTOMS
        and (other.engine_id, other.project) == (one.engine_id, one.project)
        and other.service != one.service
        and other.well_at is None
        and other.severity in _SEVERE
        and other.cause.code not in _MILD
    )


def _cites(one: Incident, other: Incident) -> bool:
    return _can_explain(one, other) and other.service == _blamed(one)


def _needs(one: Incident, other: Incident, depends: Depends) -> bool:
    return _can_explain(one, other) and other.service in depends(one.project, one.service)


def _shares(one: Incident, other: Incident, depends: Depends) -> bool:
    return (
        one.cause.code == other.cause.code
        and one.cause.code in _SHARED
        and (other.engine_id, other.project) == (one.engine_id, one.project)
        and other.service in depends(one.project, one.service)
    )


def _same_cause(one: Incident, other: Incident) -> bool:
    """An older one of the same service, or one that blames the same other service."""
    if other.id == one.id or _age(other) > _age(one) or other.well_at is not None:
        return False
    if (other.engine_id, other.project) != (one.engine_id, one.project):
        return False
    if other.service == one.service:
        return other.cause.code == one.cause.code and other.container != one.container
    blamed = _blamed(one)
    return blamed not in ("", one.service, other.service) and _blamed(other) == blamed


def _blamed(one: Incident) -> str:
    """The service that the diagnosis by itself names; grouping adds its own answer to
    ``Incident.cause`` alone."""
    return next((each.service for each in one.causes if each.code == one.cause.code), "")


def _parent(id: str, best: Mapping[str, str], ages: Mapping[str, tuple[datetime, str]]) -> str:
    """Where the chain of explanations from ``id`` ends; of a circle, its oldest."""
    way = [id]
    while (following := best.get(way[-1], "")) and following not in way:
        way.append(following)
    end = way[-1]
    if following:
        end = min(way[way.index(following) :], key=lambda one: ages[one])
    return "" if end == id else end


# ── changes ────────────────────────────────────────────────────────────────────────────────────


def _stays(one: Incident, known: Mapping[str, Incident]) -> bool:
    """A child whose parent is well already waits for its own recovery under it."""
    parent = known.get(one.parent)
    return parent is not None and parent.well_at is not None


def _attached(one: Incident, parent: Incident, at: datetime) -> Incident:
    cause = one.cause
    if parent.service != one.service and parent.cause.code != _HOST:
        cause = replace(cause, service=_blamed(parent) or parent.service)
    moved = replace(one, parent=parent.id, cause=cause)
    text = f"explained by the trouble of {parent.service} (incident {parent.id})"
    return moved if one.parent == parent.id else noted(moved, at, "grouped", text)


def _alone(one: Incident, at: datetime) -> Incident:
    if not one.parent:
        return one
    text = "not explained by another incident any more"
    cause = replace(one.cause, service=_blamed(one))
    return noted(replace(one, parent="", cause=cause), at, "grouped", text)
