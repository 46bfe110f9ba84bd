"""A look at everything on the engine, shared by all who take one now and then."""

from __future__ import annotations

import asyncio

from tabib.model.container import Observed
from tabib.ports import Clock, Engine

EVERY_S = 30.0
"""How often care and the recorder look at what no event told of."""
FRESH_S = 2.0


class Glance:
    """Looks without detail. Who waits for :meth:`due_in` wakes with the others, and one look
    serves them all."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._turn = asyncio.Lock()
        self._at_s = float("-inf")
        self._seen: Observed | None = None

    async def look(self, *, anew: bool = False) -> Observed:
        """What is there now, or (unless ``anew``) was at most ``FRESH_S`` ago.

        :raises TabibError: the engine does not answer.
        """
        asked_s = self._clock.monotonic()
        async with self._turn:
            if self._seen is None or asked_s - self._at_s > (0.0 if anew else FRESH_S):
                at_s = self._clock.monotonic()
                self._seen = await self._engine.observe(detail=False)
                self._at_s = at_s
            return self._seen

    def due_in(self) -> float:
        """Seconds until the next common look: all who ask wake at the same time."""
        return EVERY_S - self._clock.monotonic() % EVERY_S
