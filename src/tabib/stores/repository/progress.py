"""What restic says of itself while it works, as progress in bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tabib.model.backup import BytesDone
from tabib.ports import BytesSink

_EVERY_S = 0.5


class Meter:
    """Passes progress on, no more often than twice a second."""

    def __init__(self, sink: BytesSink | None, monotonic: Callable[[], float]) -> None:
        self._sink = sink
        self._monotonic = monotonic
        self._next = 0.0

    def say(self, done: BytesDone, *, last: bool = False) -> None:
        if self._sink is None:
            return
        now = self._monotonic()
        if last or now >= self._next:
            self._next = now + _EVERY_S
            self._sink(done)

    def status(self, said: Mapping[str, Any]) -> None:
        """One ``status`` of a backup or a restore."""
        total = said.get("total_bytes")
        files = said.get("current_files") or [""]
        self.say(
            BytesDone(
                done=int(said.get("bytes_done") or said.get("bytes_restored") or 0),
                total=int(total) if total else None,
                files_done=int(said.get("files_done") or said.get("files_restored") or 0),
                current=str(files[0]),
            )
        )
