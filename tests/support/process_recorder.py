"""The kernel's streams and the table of processes together, as the daemon has them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from tabib.decide.processes import ProcessTable
from tabib.host.processes import LinuxStreams
from tabib.model.process import ProcessRecord

_PATIENCE_S = 20.0


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class ProcessRecorder:
    """Records while the block runs. ``records``: the latest of each process."""

    def __init__(self, streams: LinuxStreams | None = None) -> None:
        self.streams = streams or LinuxStreams()
        boot_at = datetime.now(UTC) - timedelta(microseconds=now_ns() // 1000)
        self.table = ProcessTable("engine", boot_at)
        self.records: dict[tuple[str, int, int], ProcessRecord] = {}
        self.ends = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> ProcessRecorder:
        self.streams.start(lambda events: self._keep(self.table.take(events, self.streams.look)))
        self.scan()
        self._settling = asyncio.create_task(self._settle())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._settling.cancel()
        self.streams.close()

    def scan(self) -> None:
        at_ns = now_ns()
        self._keep(self.table.adopt(self.streams.scan(), at_ns))

    async def ended(self, container_id: str, count: int) -> list[ProcessRecord]:
        """The processes of a container that ended, in order of their start, once there are
        ``count``."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            found = [
                one
                for one in self.records.values()
                if one.container_id == container_id
                and one.ended_at is not None
                # What sets the container up may be seen in its group for a moment.
                and not one.name.startswith("runc")
            ]
            if len(found) >= count:
                return sorted(found, key=lambda one: one.started_at)
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"{len(found)} of {count} processes ended: {found}"
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left_s)
            except TimeoutError:
                continue

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self._keep(self.table.settle(now_ns(), self.streams.look))
            if self.table.rescan_needed:
                self.scan()

    def _keep(self, records: list[ProcessRecord]) -> None:
        for record in records:
            self.ends += record.ended_at is not None
            self.records[record.container_id, record.pid, record.started_ns] = record
        if records:
            self._changed.set()
