"""The event stream: filtered by the engine, normalised here.

Health checks flood the stream with ``exec_*``; the engine filters by action, so those never cross
the socket. Source: Engine API ``/events``; the filter ``event=health_status`` matches by prefix
(moby, daemon/events/filter.go), which holds for 20.10 and 28.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tabib.engines.docker.call import PROBE_DEADLINE_S, Call
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.streams import lines
from tabib.model.errors import EngineUnavailable
from tabib.model.event import Event

ACTIONS = (
    # containers
    "create", "start", "restart", "stop", "kill", "die", "oom", "pause", "unpause", "destroy",
    "rename", "update", "health_status",
    # networks and volumes
    "connect", "disconnect", "remove", "mount", "unmount",
    # images and the daemon
    "pull", "tag", "untag", "delete", "import", "load", "prune", "reload",
)  # fmt: skip
_FILTERS = msgspec.json.encode({"event": ACTIONS}).decode()
_SECOND_NS = 1_000_000_000


async def events(gateway: Gateway, since_ns: int | None) -> AsyncIterator[Event]:
    """See :meth:`tabib.ports.Engine.events`. An event at exactly ``since_ns`` comes again."""
    call = Call(attempted="follow events", deadline_s=PROBE_DEADLINE_S)
    params = {"filters": _FILTERS}
    if since_ns is not None:
        params["since"] = f"{since_ns // _SECOND_NS}.{since_ns % _SECOND_NS:09d}"
    async with gateway.stream(call, ("GET", "/events"), params=params) as response:
        async for line in lines(response.content.iter_any()):
            event = normalise(msgspec.json.decode(line))
            if event:
                yield event
    raise EngineUnavailable(
        "the event stream ended",
        attempted=call.attempted,
        target=gateway.address.url,
        advice="Is the engine being restarted? Connect again, and look at everything anew.",
    )


def normalise(message: Mapping[str, Any]) -> Event | None:
    """One message of the engine as an Event; None for what is not passed on."""
    action, _, detail = str(message.get("Action") or message.get("status") or "").partition(":")
    if not action or action.startswith("exec_"):
        return None
    actor = message.get("Actor") or {}
    attributes = {str(key): str(value) for key, value in (actor.get("Attributes") or {}).items()}
    if action == "health_status":
        attributes["health"] = detail.strip() or attributes.get("health", "")
    time_ns = int(message.get("timeNano") or int(message.get("time") or 0) * _SECOND_NS)
    kind = str(message.get("Type") or "container")
    identity = str(actor.get("ID") or message.get("id") or "")
    seconds, rest = divmod(time_ns, _SECOND_NS)
    return Event(
        at=datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000),
        time_ns=time_ns,
        kind=kind,
        action=action.strip(),
        id=identity,
        name=attributes.get("name", identity if kind == "volume" else ""),
        attributes=attributes,
    )
