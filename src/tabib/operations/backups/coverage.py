"""What tabib has of each project's data: for ``ps`` and the checkup, which look at no file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC

from tabib.decide.backups.coverage import newest_of, newest_verified, places_of
from tabib.decide.backups.due import stale_after
from tabib.decide.backups.point_in_time import ELSEWHERE
from tabib.decide.backups.retention import usable
from tabib.model.backup import Copies
from tabib.model.container import Observed
from tabib.model.release import CareRecord
from tabib.operations.backups import standing as stand
from tabib.operations.backups.facts import known
from tabib.operations.backups.policy import policy_from
from tabib.operations.backups.schedule import zone_of
from tabib.operations.tools import Tools


async def copies_of(
    tools: Tools, records: Iterable[CareRecord], observed: Observed
) -> dict[str, Copies]:
    """By project, of those in care; nothing where this daemon copies no data."""
    if tools.backups is None:
        return {}
    return {one.project: await _of(tools, one, observed) for one in records}


async def _of(tools: Tools, record: CareRecord, observed: Observed) -> Copies:
    name = record.project
    policy = await policy_from(tools, await known(tools, name, observed=observed))
    kept = await stand.kept(tools, name)
    snapshots = await tools.journal.snapshots(tools.info.id, name)
    now = tools.clock.now()
    zone = zone_of(policy.timezone) if policy.schedule or policy.drill_schedule else UTC
    newest, proven = newest_of(snapshots), newest_verified(snapshots)
    good = [one.taken_at for one in snapshots if usable(one)]
    tried = kept.copy
    over = newest is not None and tried.at is not None and newest.taken_at > tried.at
    return Copies(
        enabled=policy.enabled and bool(policy.schedule),
        since=await stand.in_care_since(tools, record),
        newest=newest.taken_at if newest else None,
        verified=proven.taken_at if proven else None,
        first=min(good, default=None),
        places=places_of(snapshots),
        waived=frozenset(kept.waived),
        stale_after=stale_after(policy.schedule, zone, now),
        drill_after=stale_after(policy.drill_schedule, zone, now),
        failures=0 if over else tried.failures,
        failed="" if over else tried.why,
        drill_failed=kept.drill.why,
        services=newest.services if newest else (),
        no_log=ELSEWHERE if policy.point_in_time and not tools.info.local else "",
    )
