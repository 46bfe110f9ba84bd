"""Operations: messages for any number of readers, an end whatever happens, a lease per project."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from support.site import House
from support.story import story
from tabib.model.errors import Bug, EngineError, Interrupted, LeaseHeld, from_wire
from tabib.operations.leases import TTL, lease
from tabib.operations.operation import KEPT_OPERATIONS, Message, Operation, Operations

pytestmark = pytest.mark.virtual


async def read(operation: Operation) -> list[Message]:
    return [message async for message in operation.messages()]


async def test_every_reader_gets_everything_whenever_it_comes() -> None:
    async with asyncio.TaskGroup() as group:
        operations = Operations(group, iter("abc").__next__)

        async def work(operation: Operation) -> Mapping[str, Any]:
            for number in range(3):
                operation.note(str(number))
                await asyncio.sleep(1)
            return {"done": True}

        operation = operations.start("up", "tale", work)
        early = group.create_task(read(operation))
        await asyncio.sleep(1.5)
        late = group.create_task(read(operation))
    assert early.result() == late.result() == await read(operation)
    types = [message["type"] for message in early.result()]
    assert types == ["operation", "note", "note", "note", "result"]
    assert early.result()[0] == {"type": "operation", "id": "a", "name": "up", "project": "tale"}


@pytest.mark.parametrize("error", [EngineError("no"), ZeroDivisionError()])
async def test_an_error_is_the_last_message_and_ends_nothing_else(error: Exception) -> None:
    async with asyncio.TaskGroup() as group:
        operations = Operations(group, iter("ab").__next__)

        async def fails(_: Operation) -> Mapping[str, Any]:
            raise error

        async def works(_: Operation) -> Mapping[str, Any]:
            await asyncio.sleep(1)
            return {}

        bad, good = operations.start("up", "a", fails), operations.start("up", "b", works)
    last = (await read(bad))[-1]
    told = from_wire(last["error"])
    assert type(told) is (EngineError if isinstance(error, EngineError) else Bug)
    assert (await read(good))[-1]["type"] == "result"


async def test_asked_to_stop_it_ends_at_its_next_safe_step() -> None:
    async with asyncio.TaskGroup() as group:
        operations = Operations(group, iter("a").__next__)

        async def loops(operation: Operation) -> Mapping[str, Any]:
            while True:
                operation.check_stop()
                await asyncio.sleep(1)

        operation = operations.start("up", "tale", loops)
        await asyncio.sleep(0.5)
        assert operations.running == [operation]
        await operations.stop_all(10.0)
    assert operations.running == []
    assert isinstance(from_wire((await read(operation))[-1]["error"]), Interrupted)


async def test_one_that_does_not_stop_is_not_waited_for_for_ever() -> None:
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        operations = Operations(group, iter("a").__next__)

        async def deaf(_: Operation) -> Mapping[str, Any]:
            await enough.wait()
            return {}

        operation = operations.start("up", "tale", deaf)
        began = loop.time()
        await operations.stop_all(5.0)
        assert loop.time() - began == pytest.approx(5.0)
        assert operations.running == [operation]
        enough.set()


async def test_cancelled_with_the_daemon_it_says_so() -> None:
    async def forever(_: Operation) -> Mapping[str, Any]:
        await asyncio.sleep(10_000)
        return {}

    found: list[Operation] = []

    async def daemon() -> None:
        async with asyncio.TaskGroup() as group:
            found.append(Operations(group, iter("a").__next__).start("up", "tale", forever))

    running = asyncio.create_task(daemon())
    await asyncio.sleep(1)
    running.cancel()
    await asyncio.wait([running])
    assert isinstance(from_wire((await read(found[0]))[-1]["error"]), Interrupted)


async def test_old_ones_are_forgotten_and_running_ones_never() -> None:
    async with asyncio.TaskGroup() as group:
        numbers = iter(range(10_000))
        operations = Operations(group, lambda: str(next(numbers)))

        async def waits(operation: Operation) -> Mapping[str, Any]:
            await operation.stop_requested()
            return {}

        async def ends(_: Operation) -> Mapping[str, Any]:
            return {}

        first = operations.start("up", "tale", waits)
        for _ in range(KEPT_OPERATIONS * 2):
            operations.start("up", "tale", ends)
            await asyncio.sleep(0)
        assert operations.get(first.id) is first
        assert operations.get("1") is None
        first.stop()


# ── leases ─────────────────────────────────────────────────────────────────────────────────────


@story
async def test_a_lease_is_kept_as_long_as_it_is_used_and_given_back(house: House) -> None:
    async with house.daemon() as daemon:
        one, two = daemon.operation("up", "tale"), daemon.operation("down", "tale")
        async with lease(daemon.tools, "tale", one):
            assert daemon.tools.actions.busy("tale")
            await daemon.passes(TTL.total_seconds() * 3)
            with pytest.raises(LeaseHeld, match="up"):
                async with lease(daemon.tools, "tale", two, wait=False):
                    pass
            async with lease(daemon.tools, "other", two, wait=False):
                pass
        assert not daemon.tools.actions.busy("tale")
        async with lease(daemon.tools, "tale", two, wait=False) as held:
            assert held.token > 0


@story
async def test_who_waits_for_a_lease_says_so_once_and_can_be_stopped(house: House) -> None:
    async with house.daemon() as daemon:
        one, two = daemon.operation("up", "tale"), daemon.operation("down", "tale")

        async def wait() -> None:
            async with lease(daemon.tools, "tale", two):
                pass

        async with lease(daemon.tools, "tale", one):
            waiting = asyncio.create_task(wait())
            await daemon.passes(5)
            two.stop()
            with pytest.raises(Interrupted):
                await waiting
        two.finish()
        notes = [m for m in await read(two) if m["type"] == "note"]
        assert len(notes) == 1
        assert "waiting" in notes[0]["text"]


@story
async def test_tokens_only_grow(house: House) -> None:
    tokens = []
    for _ in range(3):
        async with house.daemon() as daemon:
            operation = daemon.operation("up", "tale")
            async with lease(daemon.tools, "tale", operation, wait=False) as held:
                tokens.append(held.token)
    assert tokens == sorted(set(tokens))
