"""Incidents about copies: one that failed, ones that are too old; the next success ends them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tabib.decide.grouping import recovered
from tabib.decide.moments import noted
from tabib.model.backup import Snapshot
from tabib.model.errors import Damaged, RepositoryDamaged, TabibError
from tabib.model.incident import Cause, Evidence, Finding, Incident
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.verifying import NOT_OK
from tabib.operations.incidents import change
from tabib.operations.tools import Tools

FAILED = "backup.failed"
STALE = "backup.stale"
UNVERIFIED = "backup.unverified"
LOG = "backup.log"
LOG_GAP = "backup.log-gap"
DRILL_FAILED = "backup.drill-failed"
CODES = frozenset({FAILED, STALE, UNVERIFIED, LOG, LOG_GAP, DRILL_FAILED})
"""Each has its page in ``docs/findings``."""
_ERROR_FROM = 3
"""Failures in a row from which on it is an error."""


async def copy_failed(tools: Tools, project: str, error: TabibError, failures: int) -> None:
    """Open (or bring up to date) the incident of a copy that failed."""
    summary = f"a backup of {project} failed: {error.happened}"
    severity = "error" if failures >= _ERROR_FROM else "warning"
    advice = error.advice or f"`tabib -p {project} backup` tries again and shows what is wrong."
    text = f"{error} (failure {failures} in a row)"
    await _tell(tools, project, FAILED, severity, summary, text, advice)


async def drill_failed(tools: Tools, project: str, error: TabibError) -> None:
    """Open (or bring up to date) the incident of a drill that could not be made."""
    if error.details.get("snapshot"):
        return  # it was, and told what it found itself
    summary = f"a drill of {project}'s newest snapshot failed: {error.happened}"
    advice = error.advice or f"`tabib -p {project} drill` tries again and shows what is wrong."
    await _tell(tools, project, UNVERIFIED, "error", summary, str(error), advice)


async def drill_found_bad(tools: Tools, snapshot: Snapshot) -> None:
    """Open (or bring up to date) the incident of a snapshot that does not hold."""
    project = snapshot.project
    wrong = [line for line in (snapshot.drill.checks if snapshot.drill else ()) if NOT_OK in line]
    summary = f"snapshot {snapshot.id} of {project} cannot be restored from"
    text = f"snapshot {snapshot.id} of {snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC: "
    advice = (
        f"`tabib -p {project} backup` takes another one, `tabib -p {project} drill` looks at it; "
        f"`tabib snapshots` shows which ones are good."
    )
    await _tell(tools, project, DRILL_FAILED, "error", summary, text + "; ".join(wrong), advice)


async def gone_stale(
    tools: Tools, project: str, newest: datetime | None, since: datetime, why: str
) -> None:
    """Open the incident of copies that are too old. ``why``: what kept new ones from being made."""
    now = tools.clock.now()
    age_h = (now - (newest or since)).total_seconds() / 3600
    what = f"the newest snapshot of {project} is {age_h:.0f} hours old"
    if newest is None:
        what = f"{project} has no snapshot, {age_h:.0f} hours after it came into care"
    advice = f"`tabib -p {project} backup` makes one now and shows what is wrong."
    await _tell(tools, project, STALE, "error", what, why or "no try is known of", advice)


async def log_stopped(tools: Tools, project: str, dataset: str, why: str) -> None:
    """Open (or bring up to date) the incident of a write-ahead log that is not received."""
    summary = f"the write-ahead log of {dataset} is not received: {why}"
    advice = "Until it is, a restore goes back to the last snapshot: see `tabib snapshots`."
    await _tell(tools, project, LOG, "error", summary, why, advice)


async def log_has_hole(tools: Tools, project: str, dataset: str, why: str) -> None:
    """Open (or bring up to date) the incident of a write-ahead log that does not lead to now."""
    summary = f"the write-ahead log of {dataset} has a hole: {why}"
    advice = (
        "No time within the hole can be restored to. A new base backup ends it: tabib takes one "
        f"by itself, `tabib -p {project} backup` at once."
    )
    await _tell(tools, project, LOG_GAP, "error", summary, why, advice)


async def well_again(tools: Tools, project: str, codes: Iterable[str]) -> None:
    """Close what is open of ``codes``: what failed has succeeded."""
    wanted = frozenset(codes)
    now = tools.clock.now()
    for one in await _open(tools, project):
        if one.cause.code in wanted:
            await change(tools, one, lambda each, others: recovered(each, others, now))


async def tell_damage(tools: Tools, project: str, error: TabibError) -> None:
    """Care is told of data that cannot be read: a copy that fails is the best detector there is."""
    if tools.on_unreadable is None or isinstance(error, RepositoryDamaged):
        return
    if not isinstance(error, Damaged):
        return
    names = [str(one) for one in error.details.get("data_sets") or ()] or [error.target]
    for one in await datasets(tools, project):
        if one.name in names:
            await tools.on_unreadable(project, one.name, one.service, error.happened)


async def _tell(
    tools: Tools, project: str, code: str, severity: str, summary: str, text: str, advice: str
) -> None:
    now = tools.clock.now()
    finding = Finding(
        code=code,
        severity=severity,
        summary=summary,
        evidence=(Evidence(source="history", text=text, at=now),),
    )
    cause = Cause(code=code, summary=summary, confidence=1.0, cites=(code,))
    known = next((one for one in await _open(tools, project) if one.cause.code == code), None)
    fresh = known or Incident(
        id=tools.new_id(),
        opened_at=now,
        seen_at=now,
        engine_id=tools.info.id,
        cluster=tools.cluster,
        project=project,
        service="",
        container="",
        severity=severity,
        cause=cause,
        outcome="needs_human",
    )

    def how(one: Incident, _: list[Incident]) -> Incident:
        if known is not None and said(one) == text and one.severity == severity:
            return one
        told = replace(
            one, severity=severity, cause=cause, causes=(cause,), findings=(finding,), advice=advice
        )
        return noted(told, now, "trouble", summary)

    await change(tools, fresh, how)


def said(incident: Incident) -> str:
    """The evidence that it was told with last."""
    return next((each.text for one in incident.findings for each in one.evidence), "")


async def _open(tools: Tools, project: str) -> list[Incident]:
    return await tools.journal.incidents(
        engine_id=tools.info.id, project=project, open_only=True, limit=1000
    )
