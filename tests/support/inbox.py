"""People who are told of things, in memory: a :class:`tabib.ports.Notifier` for virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tabib.model.notice import Delivery, Message
from tabib.ports import Clock


@dataclass
class Inbox:
    """Takes everything, but from ``away`` (URLs), and takes ``slow_s`` for it."""

    clock: Clock
    away: set[str] = field(default_factory=set)
    slow_s: float = 0.0
    wrong: dict[str, str] = field(default_factory=dict)
    got: list[tuple[datetime, str, Message]] = field(default_factory=list)
    tried: list[datetime] = field(default_factory=list)
    on_send: Callable[[], None] = lambda: None

    async def check(self, url: str) -> str:
        return self.wrong.get(url, "")

    async def send(self, url: str, message: Message) -> Delivery:
        self.tried.append(self.clock.now())
        self.on_send()
        if self.slow_s:
            await self.clock.sleep(self.slow_s)
        if url in self.away:
            return Delivery(delivered=False, why="nobody is there", seconds=self.slow_s)
        self.got.append((self.clock.now(), url, message))
        return Delivery(delivered=True, seconds=self.slow_s)

    @property
    def titles(self) -> list[str]:
        return [message.title for _, _, message in self.got]

    @property
    def bodies(self) -> list[str]:
        return [message.body for _, _, message in self.got]

    @property
    def heads(self) -> list[str]:
        """The first word or two of each message: what happened."""
        return [body.partition(" (")[0].partition(":")[0] for body in self.bodies]
