"""The API of a daemon on a memory engine, with a recorder that is filled by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from support.asgi import Answered, ask, get
from support.shelf import Shelf
from support.site import ADDRESS, Daemon, House
from tabib.api import context as api_context
from tabib.api.app import application
from tabib.api.context import Context
from tabib.model.settings import NotifySettings
from tabib.model.wire import EndpointAddress
from tabib.operations.operation import Operations
from tabib.operations.site import Site
from tabib.ports import Notifier
from tabib.stores.logs.store import SqliteLogs
from tabib.stores.series.store import SqliteSeries
from tabib.wiring import Stores, build_notifying


@dataclass
class OneSite:
    """See :class:`tabib.operations.site.Sites`: the only engine there is."""

    site: Site

    async def get(self, address: EndpointAddress) -> Site:
        return self.site

    @property
    def known(self) -> list[Site]:
        return [self.site]

    def status(self) -> dict[str, Any]:
        return {"state": {"dir": "/s", "installation": "i"}, "memory_bytes": 1, "cpu_seconds": 0.1}


@dataclass
class Api:
    daemon: Daemon
    shelf: Shelf
    app: Starlette

    @property
    def engine(self) -> str:
        return self.daemon.tools.info.id

    def notify(self, notifier: Notifier, *urls: str) -> None:
        """From now on people are told, at ``urls``, through ``notifier``."""
        tools = self.daemon.tools
        stores = Stores(tools.state, self.daemon.journal, tools.vault)  # type: ignore[arg-type]
        settings = NotifySettings(urls=list(urls))
        context = self.app.state.context
        context.notifying = build_notifying(stores, tools.clock, settings, notifier=notifier)

    async def get(self, path: str, /, **query: Any) -> Answered:
        return await get(self.app, path, **query)

    async def post(self, path: str, /, **body: Any) -> Answered:
        return await ask(self.app, "POST", path, body)

    async def delete(self, path: str) -> Answered:
        return await ask(self.app, "DELETE", path)


@asynccontextmanager
async def api(house: House) -> AsyncIterator[Api]:
    async with house.daemon() as daemon, asyncio.TaskGroup() as group:
        with house.clock.hold():
            series = await SqliteSeries.open(house.folder, floor_bytes=0, reserve_bytes=0)
            logs = await SqliteLogs.open(house.folder, house.clock, floor_bytes=0)
        shelf = Shelf(house.clock.holding(series), house.clock.holding(logs))
        daemon.tools.monitor = shelf
        here = Context(
            sites=OneSite(daemon.site),
            operations=Operations(group, daemon.tools.new_id),
            stop=lambda: None,
            background=True,
            private=False,
            started_at=house.clock.now(),
        )
        try:
            yield Api(daemon, shelf, application(here))
        finally:
            with house.clock.hold():
                await series.close()
                await logs.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(api_context, "DEFAULT_ENDPOINT", ADDRESS)
    return House(tmp_path)
