"""Whether a database may have taken anything more after its log had been received to an end."""

from __future__ import annotations

from datetime import datetime

from tabib.decide.backups.wal import took_connections
from tabib.model.errors import TabibError
from tabib.model.oneshot import LABEL_HELPER
from tabib.operations.tools import Tools


async def ran_since(tools: Tools, project: str, service: str, ended: datetime) -> bool:
    """Whether the service's server let anybody in after ``ended``, as far as what its containers
    said tells. True where that cannot be told."""
    try:
        seen = await tools.engine.observe(project, detail=False)
        for one in seen.containers:
            if one.service != service or one.oneoff or LABEL_HELPER in one.labels:
                continue
            said = [line.text async for line in tools.engine.logs(one.id, since=ended)]
            if took_connections(said):
                return True
    except TabibError:
        return True
    return False
