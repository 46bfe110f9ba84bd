"""A site: one engine with everything that cares for it. The daemon keeps one for each endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from tabib.model.wire import EndpointAddress
from tabib.operations.care import Care
from tabib.operations.monitor.monitor import Monitor
from tabib.operations.record import Record
from tabib.operations.tools import Tools


@dataclass(slots=True, kw_only=True)
class Site:
    tools: Tools
    record: Record
    care: Care

    @property
    def monitor(self) -> Monitor | None:
        """The flight recorder; None where this daemon does not record."""
        return self.tools.monitor


class Sites(Protocol):
    """The engines that this daemon knows."""

    async def get(self, address: EndpointAddress) -> Site:
        """The site of an endpoint, connected (and cared for) on first use.

        :raises EngineUnavailable: the engine does not answer.
        """
        ...

    @property
    def known(self) -> list[Site]: ...

    def status(self) -> dict[str, Any]:
        """Facts of the state folder and the process, for ``daemon status``."""
        ...
