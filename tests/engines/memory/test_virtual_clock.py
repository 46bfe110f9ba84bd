"""Virtual time: order, jumps, and waiting for what happens outside the loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from tabib.engines.memory import VirtualClock


async def test_hours_pass_at_once_and_in_order(clock: VirtualClock) -> None:
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    began, real = clock.now(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 7200.0), ("early", 1.0), ("middle", 60.0)):
            group.create_task(sleeper(name, seconds))
    assert woken == ["early", "middle", "late"]
    assert (clock.now() - began).total_seconds() == pytest.approx(7200)
    assert time.monotonic() - real < 1.0


async def test_timeouts_run_on_the_same_clock(clock: VirtualClock) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30):
            await clock.sleep(31)
    assert clock.monotonic() == pytest.approx(30)


async def test_time_stands_still_while_a_thread_works(clock: VirtualClock) -> None:
    timer = asyncio.ensure_future(clock.sleep(1000))
    await asyncio.to_thread(time.sleep, 0.02)
    assert clock.monotonic() == 0.0
    assert not timer.done()
    await timer


async def test_time_stands_still_while_it_is_held(clock: VirtualClock) -> None:
    class Writer:
        async def write(self) -> float:
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            threading.Timer(0.02, lambda: loop.call_soon_threadsafe(done.set_result, None)).start()
            await done
            return clock.monotonic()

    timer = asyncio.ensure_future(clock.sleep(5))
    assert await clock.holding(Writer()).write() == 0.0
    await timer
    assert clock.monotonic() == 5.0


def test_a_clock_outlives_its_loops() -> None:
    clock = VirtualClock()
    clock.run(clock.sleep(3))
    clock.run(clock.sleep(4))
    assert clock.monotonic() == pytest.approx(7)


def test_another_loop_is_refused() -> None:
    with pytest.raises(RuntimeError):
        asyncio.run(VirtualClock().sleep(1))
