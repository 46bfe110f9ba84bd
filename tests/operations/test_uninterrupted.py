"""Clean-up that nobody breaks off."""

from __future__ import annotations

import asyncio

import pytest

from tabib.ports.uninterrupted import uninterrupted


async def test_it_ends_however_often_whoever_waits_is_cancelled() -> None:
    steps: list[str] = []

    async def clean() -> None:
        for name in ("close", "remove"):
            await asyncio.sleep(0.02)
            steps.append(name)

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await uninterrupted(clean())

    task = asyncio.create_task(work())
    for _ in range(3):
        await asyncio.sleep(0.005)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["close", "remove"]


async def test_what_it_gives_and_raises_comes_out() -> None:
    async def give() -> int:
        return 7

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise ValueError("full")

    assert await uninterrupted(give()) == 7
    with pytest.raises(ValueError, match="full"):
        await uninterrupted(fail())
    task = asyncio.create_task(uninterrupted(fail()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert isinstance(caught.value.__cause__, ValueError)
