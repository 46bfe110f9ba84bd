"""``tabib top`` on a terminal, which is given back as it was."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.live import Live
from rich.text import Text

from tabib.cli.recorded import checked
from tabib.cli.render.top.screen import page_of, screen
from tabib.cli.render.top.state import Row, View, arranged, keys, prepared, press, scrolled
from tabib.cli.settings import Settings
from tabib.client.terminal import key_mode, wakeups
from tabib.client.waiting import wait_for
from tabib.model.errors import EngineUnavailable, TabibError

if TYPE_CHECKING:
    from tabib.client.api import Client

_PROCESSES_EVERY_S = 1.0


class Feed:
    """Ticks, and the processes of the container that is open, read in the background. Each wakes
    whoever waits at ``descriptor``."""

    def __init__(self, client: Client, query: Mapping[str, Any]) -> None:
        self._client = client
        self._query = {**query, "follow": True}
        self.descriptor, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._news: deque[Any] = deque(maxlen=8)
        self._open = ""
        self._opened = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._ticks, daemon=True).start()
        threading.Thread(target=self._processes, daemon=True).start()

    def show_processes(self, container_id: str) -> None:
        """From now on of this container; empty: of none."""
        if container_id != self._open:
            self._open = container_id
            self._opened.set()

    def news(self) -> list[Any]:
        """What came since: ticks, ``(container id, processes)``, errors."""
        os.read(self.descriptor, 4096)
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    def _tell(self, news: Any) -> None:
        self._news.append(news)
        try:
            os.write(self._writer, b".")
        except BlockingIOError:
            return

    def _ticks(self) -> None:
        try:
            for message in checked(self._client.stream("GET", "/v1/top", query=self._query)):
                self._tell(message)
            self._tell(
                EngineUnavailable(
                    "the tabib daemon ended", attempted="watch", advice="See `tabib daemon status`."
                )
            )
        except TabibError as error:
            self._tell(error)

    def _processes(self) -> None:
        while True:
            self._opened.wait(_PROCESSES_EVERY_S if self._open else None)
            self._opened.clear()
            wanted = self._open
            if not wanted:
                continue
            try:
                rows = self._client.get("/v1/top/processes", {"container": wanted})
            except TabibError:
                rows = []  # It has ended; its list is empty.
            self._tell((wanted, rows))


class Screen:
    """One run of the full-screen view."""

    def __init__(self, client: Client, settings: Settings, query: Mapping[str, Any]) -> None:
        no_color = settings.ansi == "never" or bool(os.environ.get("NO_COLOR"))
        self._console = RichConsole(file=sys.stdout, no_color=no_color, highlight=False)
        self._feed = Feed(client, query)
        self._tick: Row = {}
        self._processes: Sequence[Row] = ()
        self.view = View()
        self.limit: int | None = None

    def run(self) -> None:
        """Until ``q``.

        :raises TabibError: the daemon ended, or said no.
        """
        self._feed.start()
        first = self._wait_for_first()
        with (
            wakeups(resize=lambda rows, columns: None, forward=None) as resized,
            key_mode(0),
            Live(console=self._console, screen=True, auto_refresh=False) as live,
        ):
            self._take(first)
            while not self.view.over:
                self._draw(live)
                ready = wait_for([0, self._feed.descriptor, resized]).reading
                if resized in ready:
                    os.read(resized, 512)
                if self._feed.descriptor in ready:
                    self._take(self._feed.news())
                if 0 in ready:
                    self._press(os.read(0, 1024))

    def _wait_for_first(self) -> list[Any]:
        """What is said first: an error is told before the screen is taken."""
        wait_for([self._feed.descriptor])
        first = self._feed.news()
        for one in first:
            if isinstance(one, TabibError):
                raise one
        return first

    def _take(self, news: Sequence[Any]) -> None:
        for one in news:
            if isinstance(one, TabibError):
                raise one
            if isinstance(one, tuple):
                if one[0] == self.view.open:
                    self._processes = one[1]
            else:
                self._tick = one

    def _rows(self) -> list[Row]:
        if self.view.open:
            return arranged(self._processes, self.view)
        rows = arranged([prepared(row) for row in self._tick.get("containers") or ()], self.view)
        return rows[: self.limit]

    def _press(self, data: bytes) -> None:
        if not data:
            self.view = replace(self.view, over=True)
        before = self.view.open
        for key in keys(data):
            self.view = press(self.view, key, self._rows(), page_of(self._console.height))
        if self.view.open != before:
            self._processes = ()
            self._feed.show_processes(self.view.open)

    def _draw(self, live: Live) -> None:
        width, height = self._console.size
        rows = self._rows()
        self.view = scrolled(self.view, rows, page_of(height))
        lines = screen(self._tick, rows, self.view, width, height)
        text = Text("\n", no_wrap=True, overflow="crop", end="").join(
            Text.assemble(*line, no_wrap=True, overflow="crop") for line in lines
        )
        live.update(text, refresh=True)
