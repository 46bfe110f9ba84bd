"""The engine: what runs containers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from tabib.model.container import (
    ContainerState,
    EngineInfo,
    ExecResult,
    LogLine,
    Observed,
    Sizes,
)
from tabib.model.event import Event
from tabib.model.oneshot import OneShot
from tabib.model.plan import Step, StepProgress, StepResult
from tabib.model.sample import Values
from tabib.model.survey import Survey

ProgressSink = Callable[[StepProgress], None]
OutputSink = Callable[[str], None]
Credentials = Mapping[str, Mapping[str, str]]
"""Registry host → the auth mapping of the Engine API (``username``, ``password``, …)."""


class Process(Protocol):
    """A program that the engine runs, with its streams. Bytes pass through unchanged, and neither
    side outruns the other: what is not read holds the program up."""

    async def write(self, data: bytes) -> None:
        """Give it input; waits while it does not read.

        :raises EngineError: it reads no more, most likely because it has ended.
        """
        ...

    async def end_input(self) -> None:
        """Say that no more input comes. Idempotent."""
        ...

    def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """``("stdout"|"stderr", bytes)`` as it comes, until it has closed both. Once only."""
        ...

    async def exit_code(self) -> int:
        """Wait for its end. Read the output first: a program that nobody reads may never end."""
        ...

    async def signal(self, name: str) -> None:
        """Send ``INT``, ``TERM`` or ``KILL``; nothing happens where it has ended, and to a program
        in somebody else's container (the engine has no way to)."""
        ...


class Engine(Protocol):
    """One engine. ``tests/conformance`` is the definition of this port.

    Every call has a deadline of the adapter's own and raises from the tree in
    ``model/errors.py``: :class:`~tabib.model.errors.EngineUnavailable` when the engine does not
    answer, :class:`~tabib.model.errors.NotFound`, :class:`~tabib.model.errors.Conflict`,
    :class:`~tabib.model.errors.ImageUnavailable`, :class:`~tabib.model.errors.PortTaken`,
    :class:`~tabib.model.errors.StartFailed` or :class:`~tabib.model.errors.EngineError`.
    """

    async def info(self) -> EngineInfo:
        """Who the engine is, asked anew."""
        ...

    async def observe(
        self, project: str | None = None, *, images: Sequence[str] = (), detail: bool = True
    ) -> Observed:
        """All containers, networks and volumes (of ``project``, by Compose's label; None: all).

        ``images``: references to look up. ``detail``: also what only an inspection of each
        container shows. A container that vanishes meanwhile is left out.
        """
        ...

    async def apply(
        self,
        step: Step,
        *,
        progress: ProgressSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        """Do one step (never ``wait``, and ``build_image`` by :meth:`build`).

        Idempotent where the engine is: starting what runs, stopping or removing what is
        stopped or gone succeed. Creating a container, network or volume whose name exists raises
        Conflict (for a volume: only if labels differ). Removing a container that is not there
        succeeds. A ``create_container`` with ``files`` puts them in before it returns.
        """
        ...

    async def build(
        self,
        step: Step,
        context: AsyncIterator[bytes] | None = None,
        *,
        progress: ProgressSink | None = None,
        output: OutputSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        """Do a ``build_image`` step; the result's id is the image's. ``context``: a tar stream,
        never held in memory whole; None where the context is remote. ``output``: called with each
        line that the build writes. Cancelling it ends the build on the engine.

        :raises BuildFailed: an instruction failed, or the Dockerfile is wrong.
        :raises ImageUnavailable: a base image cannot be had.
        """
        ...

    async def builders(self) -> frozenset[str]:
        """Which builders there are: ``engine``, ``buildx``."""
        ...

    def events(self, since_ns: int | None = None) -> AsyncIterator[Event]:
        """Events as they come, from ``since_ns`` (engine clock, ns) if given, without ``exec_*``.

        Ends by raising EngineUnavailable when the connection is lost; never reconnects by itself.
        """
        ...

    async def look(self, container: str) -> ContainerState:
        """One container by id or name, with detail.

        :raises NotFound: there is none.
        """
        ...

    async def inspect(self, container: str) -> Mapping[str, Any]:
        """The engine's own inspection of a container, raw (may hold secret values)."""
        ...

    def recreate_body(self, inspection: Mapping[str, Any]) -> Mapping[str, Any]:
        """``ContainerSpec.raw`` for the container of ``inspection``: created from it, a container
        is the same again, anonymous volumes by name and network aliases included. Pure.
        """
        ...

    def logs(
        self,
        container: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[LogLine]:
        """Lines of both streams in order, each with its time."""
        ...

    async def wait(self, container: str) -> int:
        """The exit code, once the container is not running."""
        ...

    async def exec(
        self, container: str, argv: Sequence[str], *, user: str = "", timeout_s: float = 30.0
    ) -> ExecResult:
        """Run a command in a running container, without terminal or input."""
        ...

    def start_exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> AbstractAsyncContextManager[Process]:
        """Run a command in a running container, its streams as they come. Leaving the context
        closes them: a well-behaved program ends then.

        :raises Conflict: the container is paused or does not run.
        :raises NotFound: there is no such container.
        """
        ...

    def start_one_shot(self, spec: OneShot) -> AbstractAsyncContextManager[Process]:
        """Make and start a helper container. Leaving the context kills it where it still runs, and
        removes it with its anonymous volumes.

        :raises ImageUnavailable: its image is not there; nothing is pulled.
        :raises NotFound: a volume or network it names is not there.
        """
        ...

    def export_image(self, reference: str) -> AsyncIterator[bytes]:
        """An image with its name, as a tar stream that :meth:`load_image` takes.

        :raises NotFound: it is not there.
        """
        ...

    async def load_image(self, chunks: AsyncIterator[bytes]) -> None:
        """Take an image in, under the name that it was exported with."""
        ...

    def get_archive(self, container: str, path: str) -> AsyncIterator[bytes]:
        """A tar stream of ``path``, never held in memory whole."""
        ...

    async def put_archive(
        self, container: str, path: str, chunks: AsyncIterator[bytes], *, copy_owner: bool = False
    ) -> None:
        """Unpack a tar stream into the folder ``path``."""
        ...

    def stats(self, container: str) -> AsyncIterator[tuple[Values, Mapping[str, Values]]]:
        """What the engine itself measures of a running container, about once a second: values as
        of ``metrics.CONTAINER``, and by interface as of ``metrics.INTERFACE``. For engines whose
        kernel is out of reach. Ends when the container stops.

        :raises NotFound: there is none.
        """
        ...

    async def sizes(self) -> Sizes:
        """Sizes of writable layers and volumes: the engine walks all their files for it."""
        ...

    async def survey(self) -> Survey:
        """Everything at once: each container's inspection, images, volumes, the machine. Sizes that
        the engine does not tell within a second or two are left out, as is what vanishes meanwhile.
        """
        ...

    async def registry_digest(
        self, reference: str, *, credentials: Credentials | None = None, timeout_s: float = 2.0
    ) -> str:
        """The digest that the image's registry has under this tag now; asked by the engine, hence
        through its mirrors and certificates.

        :raises EngineTimeout: there is no answer within ``timeout_s``.
        :raises TabibError: the registry cannot be reached, refuses, or has no such tag.
        """
        ...

    async def claim(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Create the volume ``tabib_owner`` with ``labels``; the labels it has (first writer wins).

        Idempotent.
        """
        ...

    async def unclaim(self) -> None:
        """Remove the volume ``tabib_owner``. Idempotent."""
        ...

    async def close(self) -> None: ...


class Subscription(Protocol):
    """A bounded queue of events; ``dropped`` counts what did not fit."""

    dropped: int

    async def get(self) -> Event: ...
