"""Notifications: who delivers them, and where they wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tabib.model.notice import Delivery, Destination, Message, Notice, Told


class Notifier(Protocol):
    """Speaks to the services that people are told through."""

    async def check(self, url: str) -> str:
        """Why nothing can be sent to ``url``, without its secrets; empty where something can.
        Nothing is sent."""
        ...

    async def send(self, url: str, message: Message) -> Delivery:
        """Deliver a message, within a deadline of the adapter's own. Never raises for trouble of
        the service."""
        ...


class Outbox(Protocol):
    """What waits to be told, and what was; it outlives the daemon. URLs are vault references.

    Raises :class:`~tabib.model.errors.StateUnusable` as the journal does.
    """

    async def put(self, notices: Sequence[Notice]) -> int:
        """Take in those whose ids were never taken in before; how many."""
        ...

    async def pending(self, destination: str | None = None) -> list[Notice]:
        """Oldest first."""
        ...

    async def told(self, destination: str, since: datetime) -> list[Told]:
        """What was delivered since then, oldest first."""
        ...

    async def settle(
        self, destination: Destination, told: Sequence[Told], given_up: Sequence[Notice] = ()
    ) -> None:
        """The outcome of an attempt, in one transaction: those in ``told`` and ``given_up`` do not
        wait any more, and the destination is as given."""
        ...

    async def drop(self, incident: str) -> int:
        """Let go of what still waits about an incident, as if it had never been put; how many."""
        ...

    async def put_destination(self, destination: Destination) -> None:
        """Insert, or replace by id."""
        ...

    async def destinations(self) -> list[Destination]: ...

    async def prune(self, before: datetime) -> int:
        """Let go of what was told or given up before then; how many."""
        ...
