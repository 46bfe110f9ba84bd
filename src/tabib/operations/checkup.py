"""A checkup: everything is looked at once, in parallel, and nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tabib.decide import checkup as rules
from tabib.decide import targets
from tabib.decide.checkup.facts import awaited_jobs, examined, public_words
from tabib.decide.checkup.grade import first, grades
from tabib.decide.halts import halted_why
from tabib.decide.redact import Redactor
from tabib.decide.targets import Candidate, Found
from tabib.model.checkup import NODE, Checkup, CheckupFinding, Examined, Observation
from tabib.model.survey import Survey
from tabib.operations.backups.coverage import copies_of
from tabib.operations.checkup_looks import (
    certificates,
    from_machine,
    recorded,
    room_of,
    sick_cases,
    tags_now,
)
from tabib.operations.tools import Tools

Inspections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be looked at. ``targets`` as a person wrote them, ``project`` the one at hand."""

    targets: tuple[str, ...] = ()
    project: str = ""
    ignored: tuple[str, ...] = ()
    offline: bool = False
    """Ask no registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is meant: ids of containers, and whether the machine as a whole is."""

    name: str
    ids: frozenset[str]
    node: bool


async def checkup(tools: Tools, wanted: Wanted) -> Checkup:
    """Findings now on everything that is ``wanted``.

    :raises EngineUnavailable: the engine does not answer.
    :raises NotFound: a target means nothing; the message has the nearest name.
    :raises UsageError: a target is ambiguous, or what is to be ignored is no code.
    """
    rules.check_codes(wanted.ignored)
    survey = await tools.engine.survey()
    jobs = awaited_jobs(survey.inspections)
    all_ = await _with_care(tools, [examined(one, jobs) for one in survey.inspections])
    scope = _scope(wanted, all_, tools.info.hostname)
    notes: list[str] = []
    inspections = {str(one["Id"]): one for one in survey.inspections}
    observation = await _observe(tools, survey, all_, scope, wanted, notes)
    mine = [one for one in observation.containers if one.id in scope.ids]
    findings = _redacted(
        tools, inspections, observation.containers,
        _in_scope(rules.examine(observation), mine, scope),
    )  # fmt: skip
    if not mine and not scope.node:
        notes.append(f"{scope.name} has no containers on this engine; --all looks at everything")
    left, ignored = rules.kept(findings, observation.containers, wanted.ignored)
    return Checkup(
        at=observation.at,
        target=scope.name,
        engine=tools.address.url,
        findings=left,
        grades=grades(mine, left, node=scope.node),
        first=first(left),
        rules={one.code: rules.text(one.code) for one in left},
        notes=tuple(notes),
        containers=len(mine),
        ignored=ignored,
    )


# ── what is meant ──────────────────────────────────────────────────────────────────────────────


def _scope(wanted: Wanted, all_: Sequence[Examined], hostname: str) -> Scope:
    candidates = [
        Candidate(id=one.id, name=one.name, project=one.project, service=one.service)
        for one in all_
    ]
    hosts = [hostname] if hostname else []
    meant: list[Found] = [
        targets.resolve(text, wanted.project, candidates, hosts) for text in wanted.targets or ("",)
    ]
    ids = frozenset(one.id for found in meant for one in found.containers)
    names = ", ".join(NODE if found.kind == NODE else found.name for found in meant)
    return Scope(
        name=names or "everything",
        ids=ids,
        node=any(found.kind in ("all", NODE) for found in meant),
    )


def _in_scope(
    findings: Iterable[CheckupFinding], mine: Iterable[Examined], scope: Scope
) -> list[CheckupFinding]:
    """Those of what is meant, and what is grave for the whole machine."""
    names = {one.name for one in mine}
    kept = []
    for finding in findings:
        if finding.target == NODE:
            if scope.node or finding.severity in ("error", "critical"):
                kept.append(finding)
        elif names.intersection(finding.containers):
            kept.append(finding)
    return kept


# ── what is looked at ──────────────────────────────────────────────────────────────────────────


async def _observe(
    tools: Tools,
    survey: Survey,
    all_: Sequence[Examined],
    scope: Scope,
    wanted: Wanted,
    notes: list[str],
) -> Observation:
    mine = [one for one in all_ if one.id in scope.ids]
    inspections = {str(one["Id"]): one for one in survey.inspections}
    now = tools.clock.now()
    looked, files, shown, tags, cases, figures = await asyncio.gather(
        *from_machine(tools, mine, inspections, survey.volumes, notes),
        certificates(tools, mine),
        tags_now(tools, [] if wanted.offline else mine, survey.images, notes),
        sick_cases(tools, mine, inspections, now),
        recorded(tools, mine, now),
    )
    containers = []
    for one in all_:
        one = replace(one, **looked.get(one.id, {}), **figures.get(one.id, {}))
        containers.append(one)
    incidents = await tools.journal.incidents(engine_id=tools.info.id, open_only=True)
    asked = {one.project for one in mine}
    records = [one for one in await tools.journal.all_care(tools.info.id) if one.project in asked]
    copies = await copies_of(tools, records, await tools.glance.look()) if records else {}
    return Observation(
        at=now,
        containers=tuple(sorted(containers, key=lambda one: one.name)),
        images=survey.images,
        volumes=survey.volumes,
        volume_bytes=survey.volume_bytes,
        volume_files=files,
        build_cache_bytes=survey.build_cache_bytes,
        memory_bytes=survey.memory_bytes,
        clock_offset_s=survey.clock_offset_s,
        event_gaps=tools.watch.losses,
        room=room_of(tools),
        certificates=shown,
        tags=tags,
        cases=cases,
        incidents=tuple(incidents),
        copies=copies,
    )


async def _with_care(tools: Tools, containers: Iterable[Examined]) -> list[Examined]:
    """With what tabib itself knows: whose care they are in, and what shall not run."""
    records = {one.project: one for one in await tools.journal.all_care(tools.info.id)}
    found = []
    for one in containers:
        record = records.get(one.project)
        if record is not None:
            halted = "" if one.runs else halted_why(record, one.name)
            one = replace(one, in_care=record.mode == "act", halted=halted)
        found.append(one)
    return found


# ── what may be shown ──────────────────────────────────────────────────────────────────────────


def _redacted(
    tools: Tools,
    inspections: Inspections,
    containers: Iterable[Examined],
    findings: Iterable[CheckupFinding],
) -> list[CheckupFinding]:
    """Findings without any secret of the containers that they are about."""
    by_name = {one.name: one for one in containers}
    known: dict[tuple[str, ...], Redactor] = {}
    masked = []
    for finding in findings:
        names = finding.containers
        if names not in known:
            secrets = (_secrets(tools, by_name[name], inspections) for name in names)
            known[names] = Redactor.knowing(frozenset().union(*secrets))
        redactor = known[names]
        evidence = tuple(replace(one, text=redactor.text(one.text)) for one in finding.evidence)
        masked.append(replace(finding, summary=redactor.text(finding.summary), evidence=evidence))
    return masked


def _secrets(tools: Tools, one: Examined, inspections: Inspections) -> frozenset[str]:
    words = public_words(one)
    values = tools.secrets.redactor(inspections[one.id]).values
    return frozenset(value for value in values if value not in words)
