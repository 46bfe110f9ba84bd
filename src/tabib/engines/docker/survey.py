"""Everything on an engine at once, for a checkup; and what a registry has under a tag now.

Source: Engine API 1.41 to 1.51: ``SystemInfo``, ``ImageList``, ``VolumeList``,
``SystemDataUsage``, ``DistributionInspect``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from tabib.engines.docker.call import PROBE_DEADLINE_S, Call
from tabib.engines.docker.gateway import ApiVersion, Gateway
from tabib.engines.docker.observe import inspections
from tabib.engines.docker.pull import auth_headers
from tabib.engines.docker.states import image_state, parse_time, volume_state
from tabib.engines.docker.together import together
from tabib.model.container import ImageState
from tabib.model.errors import EngineError, EngineUnavailable
from tabib.model.reference import parse_reference
from tabib.model.survey import Survey
from tabib.ports import Credentials

USAGE_DEADLINE_S = 1.5
"""The engine walks every file of every volume for it: whoever looks at all does not wait."""
_KINDS_SINCE: ApiVersion = (1, 42)


async def survey(gateway: Gateway) -> Survey:
    """See :meth:`tabib.ports.Engine.survey`."""
    told, found, images, volumes, usage = await together(
        (
            _info(gateway),
            _containers(gateway),
            gateway.get(Call(attempted="list", target="images"), "/images/json"),
            gateway.get(Call(attempted="list", target="volumes"), "/volumes"),
            _usage(gateway),
        )
    )
    said, offset_s = told
    return Survey(
        memory_bytes=int(said.get("MemTotal") or 0),
        clock_offset_s=offset_s,
        security_options=tuple(str(one) for one in said.get("SecurityOptions") or ()),
        inspections=tuple(found.values()),
        images=tuple(_image(row) for row in images or ()),
        volumes=tuple(volume_state(row) for row in volumes.get("Volumes") or ()),
        volume_bytes=_volume_bytes(usage),
        build_cache_bytes=_build_cache(usage),
    )


def _image(row: Mapping[str, Any]) -> ImageState:
    """A row of the list; without its ``<none>:<none>``, which stands for no name at all."""
    names = {
        key: [name for name in row.get(key) or () if not name.startswith("<none>")]
        for key in ("RepoTags", "RepoDigests")
    }
    return image_state({**row, **names})


async def _info(gateway: Gateway) -> tuple[Mapping[str, Any], float]:
    """What the engine says of itself, and how far its clock is ahead."""
    begun = time.time()
    said: Mapping[str, Any] = await gateway.get(Call(attempted="ask who the engine is"), "/info")
    ended = time.time()
    at = parse_time(said.get("SystemTime"))
    if at is None:
        return said, 0.0
    # Somewhere between question and answer it looked at its clock: only beyond both it differs.
    theirs = at.timestamp()
    return said, theirs - min(max(theirs, begun), ended)


async def _containers(gateway: Gateway) -> dict[str, Mapping[str, Any]]:
    rows = await gateway.get(
        Call(attempted="list", target="containers"), "/containers/json", {"all": "1"}
    )
    return await inspections(gateway, [row["Id"] for row in rows])


async def _usage(gateway: Gateway) -> Mapping[str, Any]:
    """``/system/df``; empty where it takes too long, or another one is being made."""
    path = "/system/df"
    if gateway.api >= _KINDS_SINCE:
        path += "?type=build-cache&type=volume"
    call = Call(attempted="ask for sizes", deadline_s=USAGE_DEADLINE_S)
    try:
        found: Mapping[str, Any] = await gateway.get(call, path)
    except (EngineError, EngineUnavailable):
        return {}
    return found


def _volume_bytes(usage: Mapping[str, Any]) -> dict[str, int]:
    sizes = {
        str(row["Name"]): (row.get("UsageData") or {}).get("Size")
        for row in usage.get("Volumes") or ()
    }
    return {name: int(size) for name, size in sizes.items() if size is not None and size >= 0}


def _build_cache(usage: Mapping[str, Any]) -> int | None:
    if "BuildCache" not in usage:
        return None
    rows = usage["BuildCache"] or ()
    return sum(int(row.get("Size") or 0) for row in rows if not row.get("InUse"))


async def registry_digest(
    gateway: Gateway, reference: str, credentials: Credentials | None, timeout_s: float
) -> str:
    """See :meth:`tabib.ports.Engine.registry_digest`."""
    call = Call(
        attempted="ask the registry for", target=reference,
        deadline_s=min(timeout_s, PROBE_DEADLINE_S),
    )  # fmt: skip
    headers = auth_headers(parse_reference(reference).registry, credentials or {})
    request = ("GET", f"/distribution/{reference}/json")
    async with gateway.stream(call, request, headers=headers) as answer:
        found = msgspec.json.decode(await answer.read())
    return str((found.get("Descriptor") or {}).get("digest") or "")
