"""tabib's own recent actions: what triage must never take for trouble."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from tabib.decide.verdict import OwnAction
from tabib.model.plan import Step, Verb

KEPT_ACTIONS = 1024
_ID = re.compile("[0-9a-f]{64}")
_ON_EXISTING = frozenset(
    (
        Verb.STOP_CONTAINER,
        Verb.KILL_CONTAINER,
        Verb.RESTART_CONTAINER,
        Verb.REMOVE_CONTAINER,
        Verb.PAUSE_CONTAINER,
        Verb.UNPAUSE_CONTAINER,
    )
)


class Actions:
    """A bounded record, in memory, of the engine calls that tabib itself makes.

    The journal holds the same as intents; this is what triage looks at within milliseconds.
    """

    def __init__(self) -> None:
        self._recent: dict[int, OwnAction] = {}
        """By the order in which they began; the oldest go."""
        self._about: dict[str, list[int]] = {}
        """Target → its actions. An ``up`` causes hundreds of events, each asked about."""
        self._count = 0
        self._at_work = 0
        self._held: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Plans are being applied within the block: what can wait, waits (:meth:`idle`)."""
        self._at_work += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._idle.set()

    @contextmanager
    def working_on(self, project: str) -> Iterator[None]:
        """An operation has the project in hand: a look at it in between shows nothing final."""
        self._held[project] += 1
        try:
            yield
        finally:
            self._held[project] -= 1

    def busy(self, project: str) -> bool:
        """Whether an operation has the project in hand."""
        return self._held[project] > 0

    async def idle(self, at_most_s: float) -> None:
        """Return once no plan is being applied, or after ``at_most_s`` seconds."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._idle.wait()
        except TimeoutError:
            return

    def begin(self, targets: Iterable[str], verb: Verb, at: datetime) -> list[int]:
        """Note, before the call is made, that ``targets`` (ids and names) are acted on."""
        wanted = [target for target in dict.fromkeys(targets) if target]
        if verb in _ON_EXISTING:
            # Not by its name too: whoever removes its successor a moment later is not us.
            wanted = [target for target in wanted if _ID.fullmatch(target)] or wanted
        begun = []
        for target in wanted:
            self._count += 1
            self._recent[self._count] = OwnAction(target=target, verb=verb, started_at=at)
            self._about.setdefault(target, []).append(self._count)
            begun.append(self._count)
        while len(self._recent) > KEPT_ACTIONS:
            self._forget_oldest()
        return begun

    def recall(self, targets: Iterable[str], verb: Verb, at: datetime, ended_at: datetime) -> None:
        """Note an action of an earlier life of this daemon, from its journal."""
        self.end(self.begin(targets, verb, at), ended_at)

    def end(self, begun: Iterable[int], at: datetime) -> None:
        """Note when the call that :meth:`begin` announced had returned."""
        for number in begun:
            if number in self._recent:
                self._recent[number] = replace(self._recent[number], ended_at=at)

    def about(self, *targets: str) -> list[OwnAction]:
        """What was done to any of ``targets`` (ids and names), in the order it began."""
        numbers = {number for target in targets for number in self._about.get(target, ())}
        return [self._recent[number] for number in sorted(numbers)]

    @property
    def recent(self) -> tuple[OwnAction, ...]:
        return tuple(self._recent.values())

    def _forget_oldest(self) -> None:
        number = next(iter(self._recent))
        target = self._recent.pop(number).target
        left = [one for one in self._about[target] if one != number]
        if left:
            self._about[target] = left
        else:
            del self._about[target]


def targets(step: Step) -> tuple[str, ...]:
    """The ids and names by which the engine's events may speak of what ``step`` acts on."""
    names = [step.target, step.container.name if step.container else ""]
    names += [str(step.options.get("name", "")), str(step.options.get("container", ""))]
    if step.verb is not Verb.PULL_IMAGE:
        names.append(step.subject.removeprefix("network ").removeprefix("volume "))
    return tuple(names)
