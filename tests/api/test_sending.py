"""Figures are sent now and then; a receiver that is away is no trouble for anybody."""

from __future__ import annotations

from dataclasses import dataclass, field

from structlog.testing import capture_logs

from api.conftest import OneSite, api
from support.shelf import container, values
from support.site import House
from support.story import story
from tabib.model.errors import TabibError
from tabib.operations.recorded.sending import Sending
from tabib.operations.tasks import spawn


@dataclass
class Inbox:
    """Whoever takes figures, or does not."""

    away: bool = False
    bodies: list[bytes] = field(default_factory=list)
    tried: int = 0

    async def send(self, body: bytes) -> None:
        self.tried += 1
        if self.away:
            raise TabibError("nobody is there")
        self.bodies.append(body)


@story
async def test_figures_are_sent_and_failures_told_once(house: House) -> None:
    import asyncio

    async with api(house) as here:
        clock = here.daemon.clock
        who = container(here.engine, "a" * 64)
        await here.shelf.read(clock.now(), (who, values("container", cpu_us=1)))
        inbox = Inbox()
        with capture_logs() as said:
            async with asyncio.TaskGroup() as group:
                sending = Sending(OneSite(here.daemon.site), inbox, clock, 15.0)
                task = spawn(group, sending.run(), "send")
                await clock.sleep(31)
                assert len(inbox.bodies) == 2
                assert b"container_cpu_usage_seconds_total" in inbox.bodies[0]
                inbox.away = True
                await clock.sleep(60)
                inbox.away = False
                await clock.sleep(30)
                task.cancel()
        assert inbox.tried == 8
        assert [one["event"] for one in said if one["event"].startswith("metrics.")] == [
            "metrics.not_sent", "metrics.sent_again"]  # fmt: skip
