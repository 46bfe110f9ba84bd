"""The one way to change a project's care record: read, changed and written under one lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tabib.model.release import CareRecord
from tabib.operations.tools import Tools

Change = Callable[[CareRecord], CareRecord]


async def change(tools: Tools, project: str, how: Change) -> bool:
    """Write the record as ``how`` makes it of the present one; whether anything changed.

    Nothing happens where the project is not in care.
    """
    async with tools.care_lock:
        record = await tools.journal.care(tools.info.id, project)
        if record is None:
            return False
        changed = how(record)
        if changed == record:
            return False
        await tools.journal.put_care(replace(changed, updated_at=tools.clock.now()))
        return True
