"""A container's log, line by line, of both streams in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from tabib.engines.docker.call import Call, segment
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.states import parse_time
from tabib.engines.docker.streams import MULTIPLEXED, frames, lines
from tabib.model.container import LogLine

CONTENT_TYPE_SINCE = (1, 42)
LONGEST_LINE = 1024 * 1024


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
        async for line in _of_terminal(chunks) if tty else _of_frames(chunks):
            yield line


async def _of_frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[LogLine]:
    """One frame is one record with its own time; a long line comes as several records. Who never
    ends a line gets it in parts of ``LONGEST_LINE``: memory stays bounded."""
    begun: dict[str, LogLine] = {}
    async for stream, payload in frames(chunks):
        piece = _line(stream, payload.removesuffix(b"\n"))
        before = begun.pop(stream, None)
        if before:
            piece = LogLine(stream=stream, text=before.text + piece.text, at=before.at)
        if payload.endswith(b"\n") or len(piece.text) >= LONGEST_LINE:
            yield piece
        else:
            begun[stream] = piece
    for piece in begun.values():
        yield piece


async def _of_terminal(chunks: AsyncIterator[bytes]) -> AsyncIterator[LogLine]:
    async for line in lines(chunks):
        yield _line("stdout", line)


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
