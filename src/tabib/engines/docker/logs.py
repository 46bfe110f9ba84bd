"""A container's log, line by line, of both streams in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from tabib.engines.docker.call import Call, segment
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.states import parse_time
from tabib.engines.docker.streams import MULTIPLEXED, frames, unframed
from tabib.model.container import LogLine

CONTENT_TYPE_SINCE = (1, 42)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWindow:
    """Which part of a log is wanted."""

    follow: bool = False
    tail: int | None = None
    since: datetime | None = None
    until: datetime | None = None


async def logs(gateway: Gateway, container: str, window: LogWindow) -> AsyncIterator[LogLine]:
    """See :meth:`tabib.ports.Engine.logs`."""
    call = Call(attempted="read logs", target=container)
    tty = False
    if gateway.api < CONTENT_TYPE_SINCE:
        inspection = await gateway.get(call, f"/containers/{segment(container)}/json")
        tty = bool(inspection["Config"].get("Tty"))
    request = ("GET", f"/containers/{segment(container)}/logs")
    async with gateway.stream(call, request, params=_params(window)) as response:
        if gateway.api >= CONTENT_TYPE_SINCE:
            tty = response.headers.get("Content-Type") != MULTIPLEXED
        chunks = response.content.iter_any()
        pending: dict[str, bytes] = {}
        async for stream, payload in unframed(chunks) if tty else frames(chunks):
            *whole, rest = (pending.pop(stream, b"") + payload).split(b"\n")
            for line in whole:
                yield _line(stream, line)
            if rest:
                pending[stream] = rest
        for stream, rest in pending.items():
            yield _line(stream, rest)


def _params(window: LogWindow) -> dict[str, str]:
    params = {"stdout": "1", "stderr": "1", "timestamps": "1"}
    if window.follow:
        params["follow"] = "1"
    if window.tail is not None:
        params["tail"] = str(window.tail)
    for name, at in (("since", window.since), ("until", window.until)):
        if at is not None:
            params[name] = f"{at.timestamp():.6f}"
    return params


def _line(stream: str, line: bytes) -> LogLine:
    stamp, _, text = line.partition(b" ")
    at = parse_time(stamp.decode("ascii", errors="replace"))
    if at is None:
        text = line
    return LogLine(stream=stream, text=text.decode(errors="replace").rstrip("\r"), at=at)
