"""From a target and a time to the containers and subjects that are meant, gone ones included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tabib.decide import targets
from tabib.decide.targets import Candidate, Found
from tabib.model.container import ContainerState
from tabib.model.errors import EngineError, EngineUnavailable, StateUnusable, UsageError
from tabib.model.sample import Known, Subject
from tabib.operations.monitor.monitor import Monitor
from tabib.operations.site import Site

DEFAULT_SPAN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time that is asked about. ``since`` is before ``until``."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked about: ``target`` as a person wrote it, ``project`` the one at hand."""

    target: str = ""
    project: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a question is about, resolved."""

    found: Found
    engine_id: str
    known: Mapping[tuple[str, str], Known]
    """(kind, id) → all that the store knows of this engine."""
    existing: Mapping[str, ContainerState]
    """The containers that exist on the engine now, all of them, by id."""

    @property
    def target(self) -> dict[str, str]:
        return {"kind": self.found.kind, "name": self.found.name}

    @property
    def everything(self) -> bool:
        return self.found.kind in ("all", targets.NODE)

    def ids(self, span: Span | None = None) -> list[str]:
        """The containers that are meant, and may have been there within ``span``."""
        return [
            one.id
            for one in self.found.containers
            if span is None or one.seen_within(span.since, span.until)
        ]

    def subject(self, container_id: str) -> Subject:
        """The container by its id; made up from what the engine tells where nothing is recorded."""
        known = self.known.get(("container", container_id))
        if known is not None:
            return known.subject
        return _subject(self.engine_id, container_id, self.existing.get(container_id))

    def subjects(self, span: Span) -> list[Subject]:
        """What charts are of: containers, or the node."""
        if self.found.kind == targets.NODE:
            return [one.subject for (kind, _), one in self.known.items() if kind == "node"]
        return [self.subject(id) for id in self.ids(span)]


def _subject(engine_id: str, id: str, state: ContainerState | None) -> Subject:
    if state is None:
        return Subject(kind="container", id=id, engine_id=engine_id, name=id[:12])
    return Subject(
        kind="container", id=id, engine_id=engine_id, name=state.name, project=state.project,
        service=state.service, slot=state.slot, image=state.image,
    )  # fmt: skip


def monitor_of(site: Site) -> Monitor:
    """
    :raises StateUnusable: this daemon does not record.
    """
    if site.monitor is None:
        raise StateUnusable(
            "this daemon records nothing",
            attempted="read the recorder of",
            target=site.tools.address.url,
            advice="`tabib daemon status` says why.",
            details={"code": "no_recorder"},
        )
    return site.monitor


async def scope(site: Site, asked: Asked) -> Scope:
    """What ``asked`` means, looked for among all that exists and all that is recorded. An engine
    that does not answer is no hindrance.

    :raises UsageError: the target is ambiguous.
    :raises NotFound: it means nothing.
    """
    monitor, tools = monitor_of(site), site.tools
    known = await monitor.series.known(tools.info.id)
    existing = await _existing(site)
    recorded = {one.subject.id: one for one in known if one.subject.kind == "container"}
    candidates = [
        _candidate(id, recorded.get(id), existing.get(id)) for id in {**recorded, **existing}
    ]
    hosts = (tools.info.hostname, *(one.subject.id for one in known if one.subject.kind == "node"))
    return Scope(
        found=targets.resolve(asked.target, asked.project, candidates, filter(None, hosts)),
        engine_id=tools.info.id,
        known={(one.subject.kind, one.subject.id): one for one in known},
        existing=existing,
    )


async def _existing(site: Site) -> dict[str, ContainerState]:
    try:
        observed = await site.tools.engine.observe(None, detail=False)
    except (EngineUnavailable, EngineError):
        return {}
    return {one.id: one for one in observed.containers}


def _candidate(id: str, known: Known | None, state: ContainerState | None) -> Candidate:
    names: dict[str, Any] = {}
    if known is not None:
        subject = known.subject
        names = {"name": subject.name, "project": subject.project, "service": subject.service,
                 "first_seen": known.first_seen, "last_seen": known.last_seen}  # fmt: skip
    if state is not None:
        names |= {"name": state.name, "project": state.project, "service": state.service}
    return Candidate(id=id, living=state is not None, **names)


def span(
    now: datetime, since: datetime | None, until: datetime | None, usual: timedelta = DEFAULT_SPAN
) -> Span:
    """The time asked about; without ``since`` the ``usual`` one before its end.

    :raises UsageError: it ends before it begins.
    """
    end = until or now
    begin = since or end - usual
    if begin >= end:
        raise UsageError(
            f"it begins ({begin.isoformat()}) no earlier than it ends ({end.isoformat()})",
            attempted="read",
            target="the time",
            advice="Give a --since that is before --until.",
        )
    return Span(since=begin, until=end)
