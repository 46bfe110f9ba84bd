"""Programs inside a container: asked, read from as a stream, and fed.

Passwords come from the container's own environment, inside the container: they are in no argument
list and never pass through here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tabib.decide.redact import redact
from tabib.model.errors import CopyFailed, Damaged, EngineError, EngineTimeout, TabibError
from tabib.operations.tools import Tools
from tabib.ports import Process

_STDERR_KEPT = 16 * 1024
_TOLD_LINES = 3
_TOLD_CHARACTERS = 600

_DAMAGE = re.compile(
    r"invalid page|checksum (?:error|verification failed|mismatch)|could not read block"
    r"|unexpected chunk|missing chunk|compressed .{0,20}data is corrupt|could not open file \"base/"
    r"|could not access status of transaction|is marked (?:as )?crashed|page corruption"
    r"|Got error 1?(?:26|27|34|44|45|92|93|94) |Incorrect key file|Index .{1,80} is corrupted"
    r"|is encrypted or corrupted|doesn't exist in engine|Table is corrupted|rdb checksum"
    r"|Bad file format|malformed|Input/output error|WT_PANIC|Incorrect information in file"
    r"|Tablespace .{0,60}(?:missing|discarded)|is corrupt(?:ed)?\b"
    r"|\berror 1877\b|: Corrupt\b",
    re.IGNORECASE,
)
"""What databases' own tools say of damaged data; sources: PostgreSQL's and MariaDB's error lists.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A program that has ended. ``stderr`` is its last part, without secrets."""

    exit_code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")


def failure(
    ran: Ran, *, attempted: str, target: str, advice: str = "", damage_advice: str = ""
) -> TabibError:
    """The error for a program that failed: :class:`Damaged` where its words mean damage."""
    said = _told(ran.stderr) or _told(ran.text) or "it said nothing"
    happened = f"its program ended with exit code {ran.exit_code}: {said}"
    details = {"exit_code": ran.exit_code}
    if _DAMAGE.search(ran.stderr):
        return Damaged(
            happened,
            attempted=attempted,
            target=target,
            advice=damage_advice or "Restore it from the last good snapshot: tabib restore.",
            details=details,
        )
    return CopyFailed(
        happened,
        attempted=attempted,
        target=target,
        advice=advice or "See what the database says in its log, then try again.",
        details=details,
    )


def means_damage(text: str) -> bool:
    """Whether words of a database's own tool mean that its data is damaged."""
    return _DAMAGE.search(text) is not None


def _told(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|fatal|denied|fail", line, re.I)]
    return "; ".join((telling or lines)[-_TOLD_LINES:])[:_TOLD_CHARACTERS]


async def run(
    tools: Tools,
    container: str,
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    user: str = "",
    stdin: bytes | None = None,
    timeout_s: float = 60.0,
) -> Ran:
    """Run a program to its end; its output is held in memory.

    :raises EngineTimeout: it has not ended within ``timeout_s``.
    :raises Conflict: the container is paused or does not run.
    """
    try:
        async with (
            asyncio.timeout(timeout_s),
            tools.engine.start_exec(
                container, argv, user=user, environment=environment, stdin=stdin is not None
            ) as process,
        ):
            return await converse(process, None if stdin is None else once(stdin))
    except TimeoutError as error:
        raise EngineTimeout(
            f"it has not ended within {timeout_s:g} seconds",
            attempted=f"run {argv[0]} in",
            target=container[:12],
            advice="The database may be busy or hang: look at its log.",
        ) from error


async def load(
    tools: Tools,
    container: str,
    argv: Sequence[str],
    chunks: AsyncIterator[bytes],
    *,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a program that reads ``chunks`` as its input. What ``chunks`` raises comes out."""
    async with tools.engine.start_exec(
        container, argv, environment=environment, stdin=True
    ) as process:
        return await converse(process, chunks)


class Dump:
    """A program whose output is being kept. How it ended is for :meth:`ended` to say."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.first = b""
        """What has been read already, to see whether it begins at all."""
        self.last = b""
        """The end of what came, up to 1 KiB."""
        self.stderr = ""
        self.size = 0
        self._output = process.output()

    async def begin(self) -> Ran | None:
        """Wait for the first bytes; how it ended, where it ends without any."""
        self.first = await self._more()
        return (
            None
            if self.first
            else Ran(exit_code=await self.process.exit_code(), stdout=b"", stderr=self.stderr)
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """Everything that it writes."""
        chunk = self.first
        self.first = b""
        while chunk or (chunk := await self._more()):
            self.size += len(chunk)
            self.last = (self.last + chunk[-1024:])[-1024:]
            yield chunk
            chunk = b""

    async def ended(self) -> Ran:
        return Ran(exit_code=await self.process.exit_code(), stdout=b"", stderr=redact(self.stderr))

    async def _more(self) -> bytes:
        async for stream, data in self._output:
            if stream == "stdout":
                if data:
                    return data
            else:
                self.stderr = (self.stderr + data.decode(errors="replace"))[-_STDERR_KEPT:]
        return b""


@asynccontextmanager
async def dumping(
    tools: Tools,
    container: str,
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Dump]:
    """Start a program for its output; leaving the block lets go of it, which ends it."""
    async with tools.engine.start_exec(container, argv, environment=environment) as process:
        yield Dump(process)


async def converse(process: Process, chunks: AsyncIterator[bytes] | None) -> Ran:
    """Give a program its input, if any, and read all that it says until it ends."""
    if chunks is None:
        return await _read(process)
    reading = asyncio.create_task(_read(process))
    try:
        await _feed(process, chunks)
        return await reading
    finally:
        reading.cancel()


async def _read(process: Process) -> Ran:
    stdout, stderr = bytearray(), ""
    async for stream, data in process.output():
        if stream == "stdout":
            stdout += data
        else:
            stderr = (stderr + data.decode(errors="replace"))[-_STDERR_KEPT:]
    return Ran(exit_code=await process.exit_code(), stdout=bytes(stdout), stderr=redact(stderr))


async def _feed(process: Process, chunks: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in chunks:
            await process.write(chunk)
    except EngineError as error:
        if "takes no more input" not in error.happened:
            raise  # else how it ended says more
    await process.end_input()


async def once(data: bytes) -> AsyncIterator[bytes]:
    """A stream of one piece."""
    yield data
