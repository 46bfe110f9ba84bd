"""Files out of a snapshot: to standard output, or into a file that is whole or not there."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote

from tabib.cli.console import Console, is_terminal
from tabib.cli.operation import Progress, progress_for
from tabib.cli.render.units import duration, size
from tabib.cli.settings import Settings
from tabib.model.errors import EngineUnavailable, Refused, UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client

_CHUNK_BYTES = 1 << 18
_TYPE_HEADER = "X-Tabib-Type"
_NAME_HEADER = "X-Tabib-Name"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to be written: a path in the snapshot, and how large it is as far as known."""

    path: str
    bytes: int | None = None


def cat(client: Client, route: str, path: str) -> None:
    """Write the content at ``path`` to standard output.

    :raises Refused: it is binary, and standard output is a terminal.
    """
    with client.open("GET", f"{route}/content", query={"path": path}) as response:
        _pour(response, path)


def export(settings: Settings, client: Client, route: str, path: str, output: str) -> None:
    """Write what is at ``path`` (all data sets where empty) to ``output``: a file, a folder, ``-``,
    or where empty a file of a telling name here.

    :raises UsageError: it cannot be written there.
    """
    page = client.get(route)
    if output == "-":
        with client.open("GET", f"{route}/content", query={"path": path}) as response:
            _pour(response, path)
        return
    parts = page["parts"]
    if path:
        wanted = [Wanted(path, _size_of(parts, path))]
    else:
        wanted = [Wanted(part["name"], part["size_bytes"]) for part in parts]
    if len(wanted) > 1 and output and not os.path.isdir(output):
        raise UsageError(
            f"there are {len(wanted)} data sets, each becomes a file",
            attempted="export to",
            target=output,
            advice="Name a folder that is there, or one data set.",
        )
    console = Console(settings.ansi)
    progress = progress_for(settings)
    begun = time.monotonic()
    written: list[tuple[Path, int]] = []
    try:
        _announce(progress, wanted)
        written.extend(_fetch(client, route, one, output, progress) for one in wanted)
    finally:
        progress.close()
    if settings.progress not in ("json", "quiet"):
        for file, count in written:
            console.say(f"wrote {file} ({size(count)})")
        if len(written) > 1:
            console.say(f"{len(written)} files in {duration(time.monotonic() - begun)}")


def _fetch(
    client: Client, route: str, wanted: Wanted, output: str, progress: Progress
) -> tuple[Path, int]:
    step = {"type": "step", "id": wanted.path, "verb": "export_data", "subject": wanted.path}
    progress.handle({**step, "state": "started"}, time.monotonic())
    try:
        with client.open("GET", f"{route}/content", query={"path": wanted.path}) as response:
            file = _destination(output, wanted.path, response)
            count = _write(file, _told(_chunks(response), wanted, progress))
    except BaseException:
        progress.handle({**step, "state": "failed"}, time.monotonic())
        raise
    progress.handle({**step, "state": "done"}, time.monotonic())
    return file, count


def _announce(progress: Progress, wanted: list[Wanted]) -> None:
    steps = [{"id": one.path, "verb": "export_data", "subject": one.path} for one in wanted]
    progress.handle({"type": "plan", "steps": steps}, time.monotonic())


def _told(chunks: Iterator[bytes], wanted: Wanted, progress: Progress) -> Iterator[bytes]:
    """The chunks; how far it is, is told on the way."""
    count = 0
    for chunk in chunks:
        count += len(chunk)
        message: dict[str, Any] = {
            "type": "progress",
            "id": wanted.path,
            "subject": wanted.path,
            "current_bytes": count,
            "total_bytes": wanted.bytes if wanted.bytes and wanted.bytes >= count else None,
        }
        progress.handle(message, time.monotonic())
        yield chunk


def _destination(output: str, path: str, response: HTTPResponse) -> Path:
    """
    :raises UsageError: a file of that name is there already, and nobody named it.
    """
    if output and not os.path.isdir(output):
        return Path(output)
    named = unquote(response.headers.get(_NAME_HEADER, ""))
    name = PurePosixPath(named or path.strip("/")).name or "data"
    file = Path(output or ".") / name
    if file.exists():
        raise UsageError(
            "there is such a file already",
            attempted="export to",
            target=str(file),
            advice="Name another with -o.",
        )
    return file


def _write(file: Path, chunks: Iterator[bytes]) -> int:
    """Write ``file`` under a passing name, and give it its own when all is there and durable.

    :raises UsageError: it cannot be written.
    """
    passing = ""
    count = 0
    try:
        descriptor, passing = tempfile.mkstemp(".part", f".{file.name}.", file.parent)
        with os.fdopen(descriptor, "wb") as out:
            for chunk in chunks:
                out.write(chunk)
                count += len(chunk)
            out.flush()
            os.fsync(out.fileno())
        os.replace(passing, file)
    except BaseException as error:
        if passing:
            with suppress(OSError):
                os.unlink(passing)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise UsageError(
                error.strerror or str(error), attempted="write", target=str(file),
                advice="Name a place with -o that you may write to, with room enough.",
            ) from error  # fmt: skip
        raise
    return count


def _pour(response: HTTPResponse, path: str) -> None:
    """To standard output, as it comes."""
    is_tar = response.headers.get(_TYPE_HEADER) == "tar"
    out = binary_output()
    to_terminal = is_terminal(sys.stdout)
    for chunk in _chunks(response):
        if to_terminal and (is_tar or _is_binary(chunk)):
            raise Refused(
                "it is an archive of a folder" if is_tar else "it is binary, and would upset it",
                attempted="write to a terminal",
                target=path,
                advice="Send it into a file or a program, or use export.",
            )
        out.write(chunk)
    out.flush()


def binary_output() -> BinaryIO:
    """Standard output, for bytes."""
    return sys.stdout.buffer


def _is_binary(chunk: bytes) -> bool:
    if b"\0" in chunk:
        return True
    try:
        chunk.decode("utf-8")
    except UnicodeDecodeError as error:
        # A letter that the chunk's end cuts is fine.
        return error.start < len(chunk) - 4
    return any(byte < 32 and byte not in b"\t\n\r\f\b" for byte in chunk)


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    """
    :raises EngineUnavailable: the answer broke off: what came is not whole.
    """
    try:
        while chunk := response.read1(_CHUNK_BYTES):
            yield chunk
    except (OSError, HTTPException) as error:
        raise _cut_off(error) from error


def _cut_off(error: Exception) -> EngineUnavailable:
    return EngineUnavailable(
        "the copy could not be read to its end",
        attempted="read snapshot",
        advice="The daemon's log says why; `tabib snapshots` lists other copies.",
        details={"cause": str(error)},
    )


def _size_of(parts: list[dict[str, Any]], path: str) -> int | None:
    """How much comes, where ``path`` is a whole data set."""
    found = [part["size_bytes"] for part in parts if part["name"].strip("/") == path.strip("/")]
    return int(found[0]) if found else None
