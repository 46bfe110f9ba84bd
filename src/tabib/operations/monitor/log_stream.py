"""A container's output as the engine streams it, for where the engine's files are out of reach.

Bounded like everything that follows output: of a flood the stream is let go, and taken up again at
intervals.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from tabib.decide.json_lines import JOINED_CHARACTERS, Written
from tabib.model.errors import TabibError
from tabib.operations.tasks import spawn
from tabib.ports import Clock, Engine

HELD_CHARACTERS = 1024 * 1024
HELD_LINES = 5_000
FIRST_LINES = 1_000
FLOOD_PAUSE_S = 10.0


@dataclass(slots=True)
class LogStream:
    """Follows one container; :meth:`start` it again after it ended."""

    engine: Engine
    clock: Clock
    container_id: str
    refused: str = ""
    """Why the engine gives no output."""
    skipped: bool = False
    """Some of a flood was left out since this was last set to False."""
    _held: deque[Written] = field(default_factory=deque)
    _characters: int = 0
    _last_at: datetime | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self, group: asyncio.TaskGroup, since: datetime | None) -> None:
        """Follow from ``since`` on (None: the newest lines first). Idempotent."""
        if not self.running:
            self._task = spawn(group, self._read(since), "log stream")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def take(self) -> list[Written]:
        """What came since the last time."""
        held, self._held, self._characters = self._held, deque(), 0
        return list(held)

    async def _read(self, since: datetime | None) -> None:
        try:
            while await self._flooded(since):
                self.skipped = True
                await self.clock.sleep(FLOOD_PAUSE_S)
                # The newest lines again; what came meanwhile was let go.
                since = None
        except TabibError as error:
            self.refused = error.happened

    async def _flooded(self, since: datetime | None) -> bool:
        """Follow one stream; True where it was let go because more came than was taken."""
        tail = FIRST_LINES if since is None else None
        seen_until = self._last_at
        stream = self.engine.logs(self.container_id, follow=True, tail=tail, since=since)
        try:
            async for line in stream:
                at = line.at or self.clock.now()
                if seen_until is not None and at <= seen_until:
                    continue
                if len(self._held) >= HELD_LINES or self._characters >= HELD_CHARACTERS:
                    return True
                text = line.text[:JOINED_CHARACTERS]
                self._held.append(Written(at, line.stream, text))
                self._last_at = at
                self._characters += len(text)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        return False
