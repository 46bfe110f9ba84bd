"""What a drill does with the write-ahead log: a base backup is rolled forward by what is in the
repository alone, as after the loss of the machine, and how far that reaches is judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tabib.decide.backups.restore import Abandoned, Source
from tabib.model.backup import Place
from tabib.model.container import RUNNING, ContainerSpec
from tabib.model.errors import CopyFailed, Damaged, NotHealthy
from tabib.model.oneshot import LABEL_HELPER
from tabib.operations.backups.kinds import Check, Filling
from tabib.operations.backups.reached import Reached
from tabib.operations.backups.verifying import KILLED, Looked, look_into
from tabib.operations.backups.wal import spool, store
from tabib.operations.backups.wal.forward import chapters, fill_to
from tabib.operations.tools import Tools

LATE = timedelta(seconds=120)
"""So much longer than its interval the log may take to get into the repository."""


def has_log(source: Source) -> bool:
    """Whether a log may lead on from the copy."""
    return source.part.dataset.kind == "postgres" and source.part.form == "tar"


async def rehearse(
    work: Filling, source: Source, place: Place, spec: ContainerSpec, last: Abandoned | None
) -> Looked:
    """Fill the empty ``place`` with the copy and the log after it, and look at it.

    What does not hold is a check that failed, not an error.

    :raises NotHealthy: it was killed: nothing is known of the log.
    """
    tools, part = work.tools, source.part
    reach = await reaches(work, source)
    try:
        reached = await fill_to(work, part, place, to=None, last=last, stored_only=True)
    except (CopyFailed, Damaged, NotHealthy) as error:
        if error.details.get("exit_code") in KILLED:
            raise
        return Looked(source=source, checks=(_check(False, error.happened),))
    if not reached.rolled and not reached.missing and reach.ok:
        return Looked(source=source, checks=(_check(True, reached.text),))
    found = (_replayed(reached), reach)
    # What was counted when it was copied is not what is there at a later time.
    later = replace(source, part=replace(part, record={}))
    looked = await look_into(tools, later, place, spec, purpose="drill")
    named = tuple(replace(one, name=f"log: {one.name}") for one in looked.checks)
    return Looked(source=source, checks=(*found, *named))


async def reaches(work: Filling, source: Source) -> Check:
    """Whether the log in the repository reaches to within its interval of now."""
    tools, project, part = work.tools, work.spec.project, source.part
    stored = await chapters(work, part)
    latest = timedelta(seconds=store.interval_s(work.repository)) + LATE
    if not stored:
        young = tools.clock.now() - part.taken_at <= latest
        return _check(young, f"none of it is in the repository{' yet' if young else ''}")
    until = max(one.at for one in stored)
    here = spool.streams(tools, project, part.dataset.name, part.identity)
    receiving = tools.backups.receiving if tools.backups else set()
    if not any(one.id in receiving for one in here):
        if await _runs(tools, project, source.dataset.service):
            return _check(False, f"it is not received; what is stored ends at {until:%H:%M:%S} UTC")
        return _check(True, f"its database does not run; what is stored ends at {until:%H:%M:%S}")
    waiting = [at for one in here for at in one.files().values() if at > until]
    age = tools.clock.now() - until
    if not waiting:
        return _check(True, "all that was received is in the repository")
    return _check(age <= latest, f"what is stored ends {age.total_seconds():.0f} s ago")


async def _runs(tools: Tools, project: str, service: str) -> bool:
    observed = await tools.engine.observe(project, detail=False)
    return any(
        one.service == service and one.status in RUNNING and LABEL_HELPER not in one.labels
        for one in observed.containers
    )


def _replayed(reached: Reached) -> Check:
    return _check(not reached.missing, reached.text)


def _check(ok: bool, text: str) -> Check:
    return Check(name="log", ok=ok, text=text)
