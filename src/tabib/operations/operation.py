"""One piece of work that a person (or care) asked for: its messages, and its way to be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from tabib.model.errors import Bug, Interrupted, TabibError
from tabib.operations.contexts import Contexts

Message = dict[str, Any]
KEPT_OPERATIONS = 50


class Operation:
    """Collects the messages of one operation; any number of readers may follow them.

    ``stop`` asks it to end at its next safe step. A reader that leaves does not stop it.
    """

    def __init__(self, id: str, name: str, project: str, *, resumes: str = "") -> None:
        self.id = id
        self.name = name
        self.project = project
        self.resumes = resumes
        """Id of the operation that a death cut off, and that this one completes."""
        self.done = False
        self.contexts = Contexts(self.emit)
        self._stop = asyncio.Event()
        self._messages: list[Message] = []
        self._news = asyncio.Event()
        self.emit("operation", id=id, name=name, project=project)

    def emit(self, type: str, **fields: Any) -> None:
        """Add a message for the readers; see ``tabib.model.wire`` for the kinds."""
        self._messages.append({"type": type, **fields})
        self._wake()

    def note(self, text: str, level: str = "info") -> None:
        self.emit("note", level=level, text=text)

    def stop(self) -> None:
        """Ask to stop at the next safe step; idempotent."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    async def stop_requested(self) -> None:
        """Return once the operation was asked to stop."""
        await self._stop.wait()

    def check_stop(self) -> None:
        """
        :raises Interrupted: the operation was asked to stop.
        """
        if self._stop.is_set():
            raise Interrupted(
                "stopped as asked",
                attempted=self.name,
                target=self.project,
                advice=f"What was done stays; `tabib {self.name}` again completes it.",
            )

    def finish(self) -> None:
        self.done = True
        self._wake()

    async def messages(self) -> AsyncIterator[Message]:
        """All messages from the first on, until the operation has ended."""
        position = 0
        while True:
            while position < len(self._messages):
                yield self._messages[position]
                position += 1
            if self.done:
                return
            await self._news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Operations:
    """The operations of a daemon. They run in its task group and outlive their requests."""

    def __init__(self, group: asyncio.TaskGroup, new_id: Callable[[], str]) -> None:
        self._group = group
        self._new_id = new_id
        self._known: dict[str, Operation] = {}

    def start(
        self,
        name: str,
        project: str,
        work: Callable[[Operation], Awaitable[Mapping[str, Any]]],
    ) -> Operation:
        """Run ``work`` in the background; its return value becomes the ``result`` message."""
        operation = Operation(self._new_id(), name, project)
        self._known[operation.id] = operation
        self._forget_old()
        self._group.create_task(self._run(operation, work), name=f"{name}:{project}")
        return operation

    def get(self, id: str) -> Operation | None:
        return self._known.get(id)

    @property
    def running(self) -> list[Operation]:
        return [one for one in self._known.values() if not one.done]

    async def stop_all(self, timeout_s: float) -> None:
        """Ask all to stop and wait until they have, at most ``timeout_s`` seconds."""
        for one in self.running:
            one.stop()
        try:
            async with asyncio.timeout(timeout_s):
                for one in self.running:
                    async for _ in one.messages():
                        pass
        except TimeoutError:
            return

    async def _run(
        self, operation: Operation, work: Callable[[Operation], Awaitable[Mapping[str, Any]]]
    ) -> None:
        try:
            result = await work(operation)
            operation.emit("result", **result)
        except TabibError as error:
            operation.emit("error", error=error.to_wire())
        except asyncio.CancelledError:
            operation.emit("error", error=Interrupted("the daemon is stopping").to_wire())
            raise
        except Exception as error:  # noqa: BLE001 - a bug must not end the daemon
            operation.emit("error", error=bug(error, operation.name, operation.project).to_wire())
        finally:
            operation.finish()

    def _forget_old(self) -> None:
        ended = [one.id for one in self._known.values() if one.done]
        for id in ended[: max(0, len(self._known) - KEPT_OPERATIONS)]:
            del self._known[id]


def bug(error: BaseException, attempted: str, target: str) -> Bug:
    """An unexpected exception as a :class:`Bug`, with where it came from, never its whole trace."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    if isinstance(error, BaseExceptionGroup):
        first = error.exceptions[0]
        return bug(first, attempted, target)
    return Bug(
        f"{type(error).__name__}: {error}",
        attempted=attempted,
        target=target,
        advice=f"This is a mistake of tabib's ({where}); please report it with the daemon's log.",
        details={"where": where},
    )
