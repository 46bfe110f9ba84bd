"""Notification services, through Apprise: an adapter of :class:`tabib.ports.Notifier`.

Apprise is imported when the first URL is looked at: whoever has none does not pay for it.
Its calls block, and a service may answer byte by byte for ever: each runs in a thread of its own
that nobody waits for beyond the deadline (and that does not hold up the daemon's end), and a
destination whose thread still hangs gets no second one.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tabib.decide.notices.urls import url_secrets
from tabib.decide.redact import Redactor
from tabib.model.notice import Delivery, Message

if TYPE_CHECKING:
    from apprise import NotifyBase

T = TypeVar("T")
DEADLINE_S = 15.0
_REASON = 300
_LOGGERS = ("apprise", "urllib3", "requests")
_NEEDLESS = ("Could not load", "Unsupported URL", "Unparseable")
"""Beginnings of what Apprise says beside the reason, with the URL."""
_IMPORTING = threading.Lock()
_NOTHING = "no service answers to this kind of URL"


class Services:
    """Sends by URL. ``deadline_s``: for one message."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._hanging: set[str] = set()

    async def check(self, url: str) -> str:
        return await self._in_thread(url, lambda: _check(url), "it could not be looked at in time")

    async def send(self, url: str, message: Message) -> Delivery:
        begun = time.monotonic()
        if url in self._hanging:
            return Delivery(delivered=False, why="the last message to it still hangs")
        self._hanging.add(url)
        why = await self._in_thread(
            url,
            lambda: self._deliver(url, message),
            f"no answer within {self._deadline_s:g} s",
        )
        seconds = round(time.monotonic() - begun, 3)
        return Delivery(delivered=not why, why=why, seconds=seconds)

    def _deliver(self, url: str, message: Message) -> str:
        try:
            return _deliver(url, message)
        finally:
            self._hanging.discard(url)

    async def _in_thread(self, url: str, work: Callable[[], str], late: str) -> str:
        """What ``work`` returns; ``late`` where it takes too long."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()

        def settle(answer: str) -> None:
            if not future.done():
                future.set_result(answer)

        def run() -> None:
            try:
                answer = work()
            except Exception as error:  # noqa: BLE001 - whatever a service's module does wrong
                answer = _hidden(url, f"{type(error).__name__}: {error}")
            try:
                loop.call_soon_threadsafe(settle, answer)
            except RuntimeError:
                pass  # the loop was closed: nobody waits any more

        threading.Thread(target=run, name="tabib-notify", daemon=True).start()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await future
        except TimeoutError:
            return late


def _check(url: str) -> str:
    with _Heard() as heard:
        found = _service(url)
        return "" if found is not None else _hidden(url, _why_not(url, heard.text))


def _deliver(url: str, message: Message) -> str:
    from apprise.common import NotifyFormat, NotifyType, OverflowMode

    kinds = {"info": NotifyType.INFO, "warning": NotifyType.WARNING}
    kind = kinds.get(message.severity, NotifyType.FAILURE)
    with _Heard() as heard, tempfile.TemporaryDirectory(prefix="tabib-notify-") as folder:
        service = _service(url)
        if service is None:
            return _hidden(url, _why_not(url, heard.text))
        if service.overflow_mode == OverflowMode.UPSTREAM:
            # What is too long in one piece would be refused again and again.
            service.overflow_mode = OverflowMode.SPLIT
        delivered = service.notify(
            body=message.body,
            title=message.title,
            notify_type=NotifyType.SUCCESS if message.recovered else kind,
            body_format=NotifyFormat.TEXT,
            attach=_attachment(service, message, Path(folder)),
        )
        if delivered:
            return ""
        return _hidden(url, heard.text or "the service did not take it")


def _attachment(service: NotifyBase, message: Message, folder: Path) -> Any:
    if not message.report or not service.attachment_support:
        return None
    from apprise import AppriseAttachment

    file = folder / "report.md"
    file.write_text(message.report, "utf-8")
    return AppriseAttachment(str(file))


def _service(url: str) -> NotifyBase | None:
    with _IMPORTING:  # its modules are loaded on first use, and not for several threads at once
        from apprise import Apprise, AppriseAsset
        from apprise.common import PersistentStoreMode

        asset = AppriseAsset(
            storage_mode=PersistentStoreMode.MEMORY, secure_logging=True, allow_templates=False
        )
        asset.app_id = asset.app_desc = "tabib"
        return Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


def _why_not(url: str, heard: str) -> str:
    """Why no service answers to the URL, with what was probably meant. Of a known service's URL
    what Apprise said is the best reason."""
    from apprise.manager_plugins import NotificationManager

    scheme = url.partition("://")[0].lower()
    manager: Any = NotificationManager
    known = sorted(manager().schemas())
    if scheme in ("http", "https"):
        return f"{_NOTHING}; for a webhook write json{scheme[4:]}:// or form{scheme[4:]}://"
    if scheme in known:
        return heard or f"it is incomplete for {scheme}://, or has a part that cannot be"
    near = difflib.get_close_matches(scheme, known, n=1)
    return _NOTHING + (f"; did you mean {near[0]}://?" if near else "")


class _Heard(logging.Handler):
    """What Apprise logs in this thread while it is open: the only place where it says why."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    def __enter__(self) -> _Heard:
        for name in _LOGGERS:
            # Never on: to the daemon's log it would bring parts of URLs.
            logger = logging.getLogger(name)
            logger.propagate = False
            logger.setLevel(logging.WARNING)
            logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)
            if not logging.getLogger(name).handlers:
                logging.getLogger(name).addHandler(logging.NullHandler())

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.thread == self._thread and not said.startswith(_NEEDLESS):
            self._lines.append(said)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._lines).split())[:_REASON]


def _hidden(url: str, text: str) -> str:
    """``text`` without any part of the URL, in one line."""
    return " ".join(Redactor.knowing(url_secrets(url)).text(text).split())[:_REASON]
