"""The last lines of the output of containers in care, kept in memory beyond their removal.

Lines are kept as they come and redacted when they are read, since almost none ever are. A flood of
output must not become a flood of work here: its stream is let go and taken up again at intervals.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from tabib.decide.redact import Redactor
from tabib.model.errors import TabibError
from tabib.operations.tasks import spawn
from tabib.operations.tools import Tools

TAIL_LINES = 200
LINE_CHARACTERS = 4096
FLOOD_LINES = 2000
FLOOD_WINDOW_S = 1.0
FLOOD_PAUSE_S = 10.0
"""More lines than this within the window: look away for the pause, then read the newest again."""


@dataclass(slots=True)
class _Tail:
    redactor: Redactor
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    follower: asyncio.Task[None] | None = None


class Tails:
    """Follows the logs of containers. Tasks live in ``group``."""

    def __init__(self, tools: Tools, group: asyncio.TaskGroup) -> None:
        self._tools = tools
        self._group = group
        self._known: dict[str, _Tail] = {}

    def __contains__(self, container_id: str) -> bool:
        """Whether the container's output is followed."""
        tail = self._known.get(container_id)
        return tail is not None and tail.follower is not None

    def follow(self, container_id: str, redactor: Redactor) -> None:
        """Begin to follow, or go on with what the container's new run says. Idempotent."""
        tail = self._known.setdefault(container_id, _Tail(redactor))
        tail.redactor = redactor
        if tail.follower is None:
            tail.follower = spawn(self._group, self._read(container_id, tail), "log tail")

    def read(self, container_id: str) -> tuple[str, ...]:
        """The last lines, redacted; also of a container that is gone."""
        tail = self._known.get(container_id)
        if tail is None:
            return ()
        # Cut last: half a secret would not be known for one.
        return tuple(line[:LINE_CHARACTERS] for line in tail.redactor.lines(list(tail.lines)))

    def stop(self, container_id: str) -> None:
        """The container is gone: nothing more comes, what was read is kept."""
        tail = self._known.get(container_id)
        if tail and tail.follower:
            tail.follower.cancel()

    def forget(self, container_id: str) -> None:
        self.stop(container_id)
        self._known.pop(container_id, None)

    async def _read(self, container_id: str, tail: _Tail) -> None:
        try:
            while await self._flooded(container_id, tail):
                await self._tools.clock.sleep(FLOOD_PAUSE_S)
        except TabibError:
            return
        finally:
            tail.follower = None

    async def _flooded(self, container_id: str, tail: _Tail) -> bool:
        """Follow one stream; True where it was let go because too much came."""
        clock = self._tools.clock
        stream = self._tools.engine.logs(container_id, follow=True, tail=TAIL_LINES)
        tail.lines.clear()
        count, since = -TAIL_LINES, clock.monotonic()
        try:
            async for line in stream:
                tail.lines.append(line.text[: 2 * LINE_CHARACTERS])
                count += 1
                if count >= FLOOD_LINES:
                    now = clock.monotonic()
                    if now - since < FLOOD_WINDOW_S:
                        return True
                    count, since = 0, now
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        return False
