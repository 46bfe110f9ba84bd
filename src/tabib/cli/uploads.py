"""Contexts of builds, sent to the daemon while an operation is followed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tabib.model.errors import TabibError

if TYPE_CHECKING:
    from tabib.client.api import Client


class _Abort(Exception):
    """Breaks a request off in the middle: half a context must never look like a whole one."""


class Uploads:
    """Answers the messages that ask for a context, each in a thread of its own."""

    def __init__(self, client: Client, chunks: Callable[[str], Iterator[bytes]]) -> None:
        self._client = client
        self._chunks = chunks
        self.error: TabibError | None = None
        """What was wrong on this side."""

    def answer(self, operation: str, message: Mapping[str, Any]) -> None:
        """Begin to send what ``message`` (type ``context``) asks for."""
        step, service = str(message.get("id")), str(message.get("service"))
        threading.Thread(target=self._send, args=(operation, step, service), daemon=True).start()

    def _send(self, operation: str, step: str, service: str) -> None:
        path = f"/v1/operations/{operation}/contexts"
        # What the daemon says of it, the operation's own messages say too.
        with (
            suppress(TabibError, _Abort),
            self._client.open("POST", path, query={"step": step}, body=self._body(service)) as done,
        ):
            done.read()

    def _body(self, service: str) -> Iterator[bytes]:
        try:
            yield from self._chunks(service)
        except TabibError as error:
            self.error = error
            raise _Abort from error
