"""Which containers a TARGET means, those that are gone included."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tabib.model.errors import NotFound, TabibError, UsageError

NODE = "node"
_ID = re.compile(r"[0-9a-f]{4,64}")
_LISTED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A container that something is known of. ``living``: it exists on the engine, running or not.

    ``first_seen`` and ``last_seen``: when the recorder saw it; None where it never did.
    """

    id: str
    name: str
    project: str = ""
    service: str = ""
    living: bool = True
    first_seen: datetime | None = None
    last_seen: datetime | None = None

    def seen_within(self, since: datetime | None, until: datetime | None) -> bool:
        """Whether it may have been there at some time in between; one that lives always may."""
        begun = self.first_seen is None or until is None or self.first_seen <= until
        over = self.last_seen is not None and since is not None and self.last_seen < since
        return begun and (self.living or not over)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a target means. ``kind``: ``all`` (everything on the engine), ``project``, ``service``,
    ``container`` or ``node``. A name means every container that bore it, an id exactly one."""

    kind: str
    name: str
    containers: tuple[Candidate, ...] = ()

    @property
    def living(self) -> bool:
        return self.kind in (NODE, "all") or any(one.living for one in self.containers)

    def __str__(self) -> str:
        kind = "the node" if self.kind == NODE else self.kind
        gone = "" if self.living else ", gone"
        return f"{self.name} ({kind}{gone})"


def resolve(
    text: str, here: str, candidates: Sequence[Candidate], hosts: Iterable[str] = ()
) -> Found:
    """What ``text`` means, ``here`` being the project at hand (empty: none).

    A project (``shop`` or, where that is ambiguous, ``shop/``), a service (``api`` or
    ``shop/api``), a container's name, an id or at least four digits of one, ``node`` or one of
    ``hosts``; empty: the project at hand, else everything. What lives wins over what is gone.

    :raises UsageError: several things are meant; the message lists them.
    :raises NotFound: nothing is; the message has the nearest name.
    """
    if not text:
        return _default(here, candidates)
    hosts = tuple(hosts)
    found = _distinct(_by_name(text, here, candidates, hosts))
    if not found and _ID.fullmatch(text):
        found = [
            Found(kind="container", name=one.name or one.id[:12], containers=(one,))
            for one in candidates
            if one.id.startswith(text)
        ]
    found = [one for one in found if one.living] or found
    if not found:
        raise _unknown(text, candidates, hosts)
    if len(found) > 1:
        raise _ambiguous(text, found)
    return found[0]


def _default(here: str, candidates: Sequence[Candidate]) -> Found:
    if not here:
        return Found(kind="all", name="", containers=tuple(candidates))
    mine = tuple(one for one in candidates if one.project == here)
    return Found(kind="project", name=here, containers=mine)


def _by_name(
    text: str, here: str, candidates: Sequence[Candidate], hosts: Sequence[str]
) -> list[Found]:
    project, slash, service = text.partition("/")
    if slash:
        return (
            _services(service, project, candidates) if service else _projects(project, candidates)
        )
    found = [
        *_projects(text, candidates),
        *(_services(text, here, candidates) if here else ()),
        *_containers(text, candidates),
    ]
    if text in (NODE, *hosts):
        found.append(Found(kind=NODE, name=hosts[0] if hosts else NODE))
    if any(one.living for one in found):
        return found
    others = sorted({one.project for one in candidates if one.service == text} - {here})
    return [*found, *(entry for name in others for entry in _services(text, name, candidates))]


def _projects(name: str, candidates: Sequence[Candidate]) -> list[Found]:
    mine = tuple(one for one in candidates if one.project == name) if name else ()
    return [Found(kind="project", name=name, containers=mine)] if mine else []


def _services(name: str, project: str, candidates: Sequence[Candidate]) -> list[Found]:
    mine = tuple(one for one in candidates if (one.project, one.service) == (project, name))
    return [Found(kind="service", name=f"{project}/{name}", containers=mine)] if mine else []


def _containers(name: str, candidates: Sequence[Candidate]) -> list[Found]:
    """One for each project that had a container of this name."""
    groups: dict[str, list[Candidate]] = {}
    for one in candidates:
        if one.name == name:
            groups.setdefault(one.project, []).append(one)
    return [
        Found(kind="container", name=name, containers=tuple(group)) for group in groups.values()
    ]


def _distinct(found: Iterable[Found]) -> list[Found]:
    """Without those that mean the same containers: a project of one service that bears its name."""
    seen: dict[tuple[str, ...], Found] = {}
    for one in found:
        key = tuple(sorted(each.id for each in one.containers)) or (one.kind, one.name)
        seen.setdefault(key, one)
    return list(seen.values())


def _ambiguous(text: str, found: Sequence[Found]) -> TabibError:
    ids = [one for one in found if one.containers and not _named(text, one)]
    if ids:
        names = [f"{one.containers[0].id[:12]} ({one.name})" for one in found]
    else:
        names = [f"{one.name}/ (project)" if one.kind == "project" else str(one) for one in found]
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return UsageError(
        f"it means several things: {', '.join(names[:_LISTED])}{more}",
        attempted="look for",
        target=text,
        advice="Write one of them in full: PROJECT/, PROJECT/SERVICE, a container's name or id.",
        details={"candidates": [one.name for one in found]},
    )


def _named(text: str, found: Found) -> bool:
    return text in (found.name, found.name.rpartition("/")[2])


def _unknown(text: str, candidates: Sequence[Candidate], hosts: Sequence[str]) -> TabibError:
    names = {name: None for one in candidates for name in _names(one) if name}
    near = difflib.get_close_matches(text, [*names, NODE, *hosts], n=1, cutoff=0.6)
    return NotFound(
        "nothing of this name or id runs here or was recorded",
        attempted="look for",
        target=text,
        advice=f"Did you mean {near[0]}?" if near else "`tabib ps -a` shows what exists.",
    )


def _names(one: Candidate) -> tuple[str, ...]:
    both = f"{one.project}/{one.service}" if one.project and one.service else ""
    return one.project, one.service, both, one.name
