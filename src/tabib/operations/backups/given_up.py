"""What restores of a project went back behind: copies of a course that was given up.

They are not restored from by themselves: who went back before an accident must not get it back by
the next restore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tabib.decide.backups.restore import Abandoned
from tabib.model.backup import Dataset, Snapshot
from tabib.operations.tools import Tools

_GIVEN_UP = "restored:"
_REMEMBERED = 50


async def given_up(tools: Tools, project: str) -> list[Abandoned]:
    """What restores of the project went back behind, oldest first."""
    text = await tools.journal.get_setting(_key(tools, project))
    return msgspec.json.decode(text, type=list[Abandoned]) if text else []


async def give_up(
    tools: Tools,
    project: str,
    snapshot: Snapshot,
    wanted: Sequence[Dataset],
    *,
    began: datetime,
    to_time: datetime | None = None,
    exactly: bool = False,
    kept: Mapping[str, str],
) -> None:
    """Remember that the data was brought back to what it was in ``snapshot``, or at ``to_time``.
    ``exactly``: without the log that came after it. ``kept``: where what was there is."""
    now = Abandoned(
        since=max(snapshot.taken_at, to_time or snapshot.taken_at),
        at=tools.clock.now(),
        datasets=tuple(one.name for one in wanted),
        began=began,
        log_until=to_time or (snapshot.taken_at if exactly else None),
        snapshot=snapshot.id,
        kept=kept,
    )
    known = [*await given_up(tools, project), now][-_REMEMBERED:]
    await tools.journal.put_setting(_key(tools, project), msgspec.json.encode(known).decode())


async def go_on(tools: Tools, project: str, undone: Abandoned) -> None:
    """A restore was undone: what it went back behind is the course again."""
    known = [one for one in await given_up(tools, project) if one != undone]
    await tools.journal.put_setting(_key(tools, project), msgspec.json.encode(known).decode())


def _key(tools: Tools, project: str) -> str:
    return f"{_GIVEN_UP}{tools.info.id}:{project}"
