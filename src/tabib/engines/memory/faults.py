"""Faults to inject into a memory engine, seeded or exact, and a simulated death of the process."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from tabib.model.errors import EngineUnavailable, TabibError
from tabib.model.event import Event

T = TypeVar("T")


class SimulatedCrash(BaseException):
    """The process that used the engine died here: like SIGKILL, no handler of it may run on.

    Whoever died stays dead: every later call through the same :class:`CrashPoint` raises again.
    """


@dataclass(slots=True)
class CrashPoint:
    """Dies at the ``at``-th guarded call (from 1; 0: never), ``before`` or after it took effect.

    Share one between an engine connection and a wrapped journal to count both together; run once
    with ``at=0`` to learn ``calls``, then once for every number.
    """

    at: int = 0
    before: bool = False
    calls: int = 0
    dead: bool = False
    trace: list[str] = field(default_factory=list)

    def arm(self, at: int) -> None:
        """Count from here: the next guarded call is the first."""
        self.at, self.calls = at, 0
        self.trace.clear()

    def check(self) -> None:
        """:raises SimulatedCrash: it died already."""
        if self.dead:
            raise SimulatedCrash(f"dead since call {self.at}")

    def enter(self, what: str) -> None:
        """A guarded call begins."""
        self.check()
        self.calls += 1
        self.trace.append(what)
        if self.before and self.calls == self.at:
            self._die(what)

    def leave(self, number: int, what: str) -> None:
        """The guarded call ``number`` took effect."""
        if self.dead or (not self.before and number == self.at):
            self._die(what)

    def _die(self, what: str) -> None:
        self.dead = True
        raise SimulatedCrash(f"{'before' if self.before else 'after'} call {self.at}: {what}")

    def guard(self, target: T, methods: Iterable[str]) -> T:
        """``target`` whose coroutine ``methods`` are guarded; once dead, every method raises."""
        return cast(T, _Guarded(self, target, frozenset(methods)))


class _Guarded:
    def __init__(self, point: CrashPoint, target: object, methods: frozenset[str]) -> None:
        self._point = point
        self._target = target
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        self._point.check()
        found = getattr(self._target, name)
        if name not in self._methods:
            return found

        async def guarded(*args: Any, **kwargs: Any) -> Any:
            self._point.enter(name)
            number = self._point.calls
            result = await found(*args, **kwargs)
            self._point.leave(number, name)
            return result

        return guarded


@dataclass(slots=True)
class _CallFault:
    verb: str
    target: str
    nth: int
    times: int
    probability: float
    error: TabibError | None
    after: bool
    slow_s: float
    seen: int = 0

    def strikes(self, verb: str, target: str, rng: random.Random) -> bool:
        if self.verb not in ("", verb) or self.target not in ("", target) or not self.times:
            return False
        self.seen += 1
        if self.seen < self.nth or (self.probability < 1 and rng.random() >= self.probability):
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class _EventFault:
    fits: Callable[[Event], bool]
    probability: float
    deliveries: tuple[float, ...]


class Faults:
    """What goes wrong, by seed. A verb is a plan's (``start_container``) or a method's
    (``observe``, ``inspect``, ``logs``, ``exec``, ``wait``, ``info``, ``claim``, ``events``)."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = random.Random(f"faults-{seed}")
        self._calls: list[_CallFault] = []
        self._events: list[_EventFault] = []
        self.down = False
        """The engine does not answer at all."""

    def fail(
        self,
        error: TabibError | None = None,
        *,
        verb: str = "",
        target: str = "",
        nth: int = 1,
        times: int = 1,
        probability: float = 1.0,
        after: bool = False,
    ) -> None:
        """From the ``nth`` call that fits, ``times`` calls (-1: all) fail with ``error``.

        ``target``: exactly the step's target, or the name of what it creates. ``after``: the
        engine did it, and only the answer is lost.
        """
        error = error or EngineUnavailable("the connection was lost (injected)", attempted=verb)
        self._calls.append(_CallFault(verb, target, nth, times, probability, error, after, 0.0))

    def slow(
        self,
        seconds: float,
        *,
        verb: str = "",
        target: str = "",
        nth: int = 1,
        times: int = -1,
        probability: float = 1.0,
    ) -> None:
        """Calls that fit take ``seconds`` longer."""
        self._calls.append(_CallFault(verb, target, nth, times, probability, None, False, seconds))

    def lose(
        self, fits: Callable[[Event], bool] = lambda _: True, probability: float = 1.0
    ) -> None:
        """Events that fit never arrive (they stay in the engine's history)."""
        self._events.append(_EventFault(fits, probability, ()))

    def duplicate(
        self, fits: Callable[[Event], bool] = lambda _: True, probability: float = 1.0
    ) -> None:
        """Events that fit arrive twice."""
        self._events.append(_EventFault(fits, probability, (0.0, 0.0)))

    def delay(
        self,
        seconds: float,
        fits: Callable[[Event], bool] = lambda _: True,
        probability: float = 1.0,
    ) -> None:
        """Events that fit arrive later, after others that came later."""
        self._events.append(_EventFault(fits, probability, (seconds,)))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._calls.clear()
        self._events.clear()
        self.down = False

    def call(self, verb: str, target: str) -> tuple[float, TabibError | None, TabibError | None]:
        """(extra seconds, error instead of acting, error after acting) of one call."""
        slow_s, before, after = 0.0, None, None
        for fault in self._calls:
            if not fault.strikes(verb, target, self.rng):
                continue
            slow_s += fault.slow_s
            if fault.error is not None and fault.after:
                after = after or fault.error
            elif fault.error is not None:
                before = before or fault.error
        return slow_s, before, after

    def deliveries(self, event: Event) -> tuple[float, ...]:
        """After how many seconds each copy of ``event`` arrives; empty: never."""
        for fault in self._events:
            if fault.fits(event) and (
                fault.probability >= 1 or self.rng.random() < fault.probability
            ):
                return fault.deliveries
        return (0.0,)
