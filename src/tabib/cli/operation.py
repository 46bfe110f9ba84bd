"""Follow one operation of the daemon from its first message to its result."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from tabib.cli.console import Console, is_terminal
from tabib.cli.render.board import Board
from tabib.cli.settings import Settings
from tabib.cli.signals import Terminated
from tabib.cli.uploads import Uploads
from tabib.model.errors import EngineUnavailable, Interrupted, TabibError, from_wire

if TYPE_CHECKING:
    from tabib.client.api import Client


class Progress(Protocol):
    """A way to show an operation."""

    board: Board

    def handle(self, message: Mapping[str, Any], now: float) -> None: ...

    def note(self, text: str) -> None: ...

    def close(self) -> None: ...


def progress_for(settings: Settings, *, quiet: bool = False) -> Progress:
    """A live display on a terminal, plain lines elsewhere, or as ``--progress`` says."""
    from tabib.cli.render.plain import JsonProgress, PlainProgress

    console = Console(settings.ansi)
    chosen = "quiet" if quiet else settings.progress
    if chosen == "auto":
        live = is_terminal(sys.stderr) and settings.ansi != "never"
        chosen = "tty" if live else "plain"
    if chosen == "json":
        return JsonProgress(console.line)
    if chosen == "tty":
        from tabib.cli.render.live import LiveProgress

        return LiveProgress(color=console.err_color)
    return PlainProgress(console, console.say, quiet=chosen == "quiet")


def follow(
    client: Client,
    path: str,
    body: bytes,
    progress: Progress,
    contexts: Callable[[str], Iterator[bytes]] | None = None,
    *,
    method: str = "POST",
) -> Mapping[str, Any]:
    """Send ``body``, show what happens, and give the result. ``contexts``: service → the tar
    stream of its build context, sent when a build asks for it.

    The first Ctrl-C (or SIGTERM) asks the operation to stop at its next safe step and reads on;
    the second leaves it alone and ends the command.

    :raises TabibError: the error that ended the operation.
    :raises Interrupted: a person asked to stop, or left.
    """
    uploads = Uploads(client, contexts) if contexts else None
    with _Stopper(client, progress).installed() as stopper:
        try:
            for message in client.stream(method, path, body=body):
                progress.handle(message, time.monotonic())
                if message.get("type") == "operation":
                    stopper.know(str(message.get("id", "")))
                elif message.get("type") == "context" and uploads:
                    uploads.answer(progress.board.operation, message)
        finally:
            progress.close()
    board = progress.board
    if stopper.terminated:
        raise Terminated
    if uploads and uploads.error:
        raise uploads.error
    if board.error is not None:
        raise from_wire(board.error)
    if board.result is None:
        raise EngineUnavailable(
            "the daemon ended before the operation did",
            attempted="follow the operation",
            advice="See `tabib ps`; the same command again does what is left.",
        )
    return board.result


class _Stopper:
    """Turns signals into requests to stop, without breaking the stream that is being read."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self._operation = ""
        self._asked = False
        self._sent = False
        self.terminated = False

    def know(self, operation: str) -> None:
        """The operation's id has arrived."""
        self._operation = operation
        if self._asked:
            self._send()

    @contextmanager
    def installed(self) -> Iterator[_Stopper]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.terminated = self.terminated or number == signal.SIGTERM
        if self._asked:
            raise Interrupted(
                "left; the operation goes on in the daemon until its next safe step",
                advice="`tabib ps` shows how things are.",
            )
        self._asked = True
        if self._operation:
            self._send()

    def _send(self) -> None:
        if self._sent:
            return
        self._sent = True
        # In a thread of its own: a signal handler may have interrupted a write, and must not
        # write itself; and the stream is read on meanwhile.
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        self._progress.note(
            "stopping at the next safe step … (Ctrl-C again to leave without waiting)"
        )
        with suppress(TabibError):
            self._client.post(f"/v1/operations/{self._operation}/stop")
