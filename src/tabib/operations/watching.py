"""Changes of a project's containers as they happen, for whoever looks on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tabib.model.codec import builtins
from tabib.model.event import Event
from tabib.operations.tools import Tools

_STATUS = {
    "create": "created",
    "start": "running",
    "unpause": "running",
    "pause": "paused",
    "die": "exited",
    "destroy": "removed",
}


async def project_changes(tools: Tools, project: str) -> AsyncIterator[dict[str, Any]]:
    """First every container as it is, then each change; never ends by itself."""
    with tools.watch.listen(lambda event: _concerns(event, project)) as queue:
        observed = await tools.engine.observe(project, detail=False)
        for one in observed.containers:
            yield {
                "type": "container",
                "name": one.name,
                "service": one.service,
                "status": one.status,
                "health": one.health,
                "exit_code": one.exit_code,
                "at": builtins(observed.at),
            }
        while True:
            row = change_row(await queue.get())
            if row is not None:
                yield row


def change_row(event: Event) -> dict[str, Any] | None:
    """A ``container`` message for an event; None where nothing a person follows changed."""
    health = event.attributes.get("health", "")
    status = _STATUS.get(event.action, "running" if event.action == "health_status" else "")
    if not status:
        return None
    return {
        "type": "container",
        "name": event.name,
        "service": event.service,
        "status": status,
        "health": health,
        "exit_code": event.exit_code,
        "at": builtins(event.at),
    }


def _concerns(event: Event, project: str) -> bool:
    return event.kind == "container" and event.project == project
