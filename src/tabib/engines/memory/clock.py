"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing else waits.

Everything that waits on the loop (``asyncio.sleep``, ``asyncio.timeout``, ``Clock.sleep``,
``loop.call_later``) shares one virtual clock, so hours pass in microseconds and always in the
same order. Work outside the loop (a writer thread, a socket) is waited for in real time while it
is *held*: ``run_in_executor`` and ``to_thread`` hold by themselves, other things through
:meth:`VirtualClock.hold` or :meth:`VirtualClock.holding`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

T = TypeVar("T")
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class VirtualClock:
    """A :class:`tabib.ports.Clock` that stands still until every task waits.

    It lives longer than a loop: run several loops after one another on the same clock.
    """

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self.elapsed_s = 0.0
        self.held = 0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop) or loop.clock is not self:
            raise RuntimeError("VirtualClock.sleep needs its own loop: use VirtualClock.run")
        await asyncio.sleep(seconds)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep time still while something outside the loop is at work."""
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    def holding(self, target: T) -> T:
        """``target`` with every coroutine method holding the clock while it runs."""
        return cast(T, _Holding(self, target))

    def loop(self) -> VirtualLoop:
        """A new event loop on this clock."""
        return VirtualLoop(self)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` to its end on a new loop of this clock."""
        with asyncio.Runner(loop_factory=self.loop) as runner:
            return runner.run(main)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits for timers: it moves its clock instead."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        super().__init__(_Selector(self.clock))

    def time(self) -> float:
        return self.clock.elapsed_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self.clock.held += 1
        future.add_done_callback(self._unhold)
        return future

    async def shutdown_default_executor(self, *limits: Any) -> None:
        """No virtual time passes while a thread takes its real moment to end."""
        with self.clock.hold():
            await super().shutdown_default_executor(*limits)

    def _unhold(self, _: asyncio.Future[Any]) -> None:
        self.clock.held -= 1


class _Selector(selectors.DefaultSelector):
    """Asks the kernel without waiting; what the loop would wait is added to the clock."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or (timeout > 0 and self._clock.held):
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self._clock.elapsed_s += timeout
        return ready


class _Holding:
    def __init__(self, clock: VirtualClock, target: object) -> None:
        self._clock = clock
        self._target = target

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not inspect.iscoroutinefunction(found):
            return found

        @functools.wraps(found)
        async def held(*args: Any, **kwargs: Any) -> Any:
            with self._clock.hold():
                return await found(*args, **kwargs)

        return held
