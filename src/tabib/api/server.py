"""The HTTP server of the daemon: uvicorn's, which sleeps while nobody asks."""

from __future__ import annotations

import asyncio
import contextlib

import uvicorn


class Server(uvicorn.Server):
    """Serves until :meth:`stop`. Unlike its parent it is not woken ten times a second to see
    whether it should end, which a daemon at rest pays with a tenth of all its work; signals are the
    daemon's own matter."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Take no more requests, and end. Idempotent."""
        self.should_exit = True
        self._stopped.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopped.wait()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()
