"""Looks at the files of a project's places: on this machine by their paths, elsewhere through a
container that mounts them. Each look is bounded; what cannot be seen is left out."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import cast

from tabib.decide.backups.facts import Seen
from tabib.decide.backups.look import MARKS, SQLITE_NAMES, grouped, seen_of
from tabib.host.folder_look import look_at
from tabib.model.backup import Place
from tabib.model.container import ContainerState, VolumeState
from tabib.model.errors import TabibError
from tabib.operations.tools import Tools

_EXEC_S = 10.0
_ARCHIVE_BYTES = 4 * 1024 * 1024
"""Of a place whose container has no shell, or does not run: what lies first in it."""
_ROOT_MARKS = ("PG_VERSION", "ibdata1", "WiredTiger", "dump.rdb", "appendonlydir")
_AT_ONCE = 4
_FIND = " -o ".join(f"-name '{name}'" for name in SQLITE_NAMES)
_SCRIPT = f"""
cd "$1" || exit 9
find . -xdev -maxdepth 3 2>/dev/null | head -n 5000
echo //sqlite
find . -xdev -maxdepth 6 -type f \\( {_FIND} \\) 2>/dev/null | head -n 200 |
while IFS= read -r f; do
  [ "$(head -c 15 "$f" 2>/dev/null)" = "SQLite format 3" ] && echo "$f"
done
echo //recent
find . -xdev -maxdepth 6 -type f -mtime -90 2>/dev/null | head -n 1
"""


async def look(
    tools: Tools,
    places: Iterable[Place],
    containers: Sequence[ContainerState],
    volumes: Iterable[VolumeState],
) -> dict[Place, Seen]:
    """What could be seen of each place, within seconds. Trouble with one harms no other."""
    paths = {one.name: host_folder(one) for one in volumes}
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(place: Place) -> Seen | None:
        async with limit:
            found = await _here(tools, place, paths)
            return found or await _through_engine(tools, place, containers)

    wanted = [each for each in places if each.type != "tmpfs"]
    found = await asyncio.gather(*(one(each) for each in wanted))
    return {place: seen for place, seen in zip(wanted, found, strict=True) if seen is not None}


def host_folder(volume: VolumeState) -> str:
    """Where on the engine's machine the files of a volume lie; ``""``: not in a folder there."""
    device = volume.options.get("device", "")
    if "bind" in volume.options.get("o", "").split(",") and device.startswith("/"):
        return device  # mounted at its mountpoint only while a container has it
    return volume.mountpoint if not volume.options.get("type") else ""


async def _here(tools: Tools, place: Place, paths: dict[str, str]) -> Seen | None:
    if not tools.info.local or tools.info.kind != "docker":
        return None
    path = paths.get(place.source, "") if place.type == "volume" else place.source
    if not path:
        return None
    if place.type == "volume" and os.geteuid() != 0:
        return None  # the engine's folders are root's
    found = await asyncio.to_thread(look_at, path, MARKS)
    if found is None:
        return None
    return seen_of(
        marks=found.marks,
        roots=found.roots,
        sqlite=found.sqlite,
        newest=None if found.newest is None else datetime.fromtimestamp(found.newest, UTC),
        size_bytes=found.size_bytes,
        whole=found.whole,
        file=found.file,
    )


async def _through_engine(
    tools: Tools, place: Place, containers: Sequence[ContainerState]
) -> Seen | None:
    users = [(one, target) for one in containers if (target := _target(one, place))]
    users.sort(key=lambda pair: pair[0].status != "running")
    for container, target in users[:2]:
        try:
            if container.status == "running":
                seen = await _by_shell(tools, container.id, target)
                if seen is not None:
                    return seen
            seen = await _by_archive(tools, container.id, target)
            if seen is not None:
                return seen
        except TabibError:
            continue
    return None


def _target(container: ContainerState, place: Place) -> str:
    for mount in container.mounts:
        source = mount.name if place.type == "volume" else mount.source
        if mount.type == place.type and source.rstrip("/") == place.source.rstrip("/"):
            return mount.target
    return ""


async def _by_shell(tools: Tools, container: str, target: str) -> Seen | None:
    try:
        ran = await tools.engine.exec(
            container, ["sh", "-c", _SCRIPT, "sh", target], user="0:0", timeout_s=_EXEC_S
        )
    except TabibError:
        return None
    text = ran.stdout.decode("utf-8", "replace")
    listed, found, rest = text.partition("//sqlite\n")
    if not found:
        return None
    sqlite, found, recent = rest.partition("//recent\n")
    if not found:
        return None
    lines = listed.splitlines()
    marks, roots = grouped(lines)
    return seen_of(
        marks=marks,
        roots=roots,
        sqlite=sorted(line.removeprefix("./") for line in sqlite.splitlines()),
        newest=tools.clock.now() if recent.strip() else None,
        size_bytes=None,
        whole=len(lines) < 5000,
    )


async def _by_archive(tools: Tools, container: str, target: str) -> Seen | None:
    """The beginning of an archive of it, and whether the best known marks are in its root."""
    data, whole = await _beginning(tools, container, target, _ARCHIVE_BYTES)
    paths: list[str] = []
    sqlite: list[str] = []
    newest = 0.0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as tar:
            for info in tar:
                path = info.name.strip("/").partition("/")[2]
                if not path:
                    if not info.isdir():
                        return Seen(file=True)
                    continue
                paths.append(path)
                newest = max(newest, float(info.mtime)) if info.isfile() else newest
                content = tar.extractfile(info) if info.isfile() else None
                if content is not None and content.read(16) == b"SQLite format 3\x00":
                    sqlite.append(path)
    except tarfile.TarError:
        whole = False  # the archive was cut off
    if not whole:
        for name in _ROOT_MARKS:
            if name not in paths and await _there(tools, container, f"{target}/{name}"):
                paths.append(name)
    marks, roots = grouped(paths)
    return seen_of(
        marks=marks,
        roots=roots,
        sqlite=sorted(sqlite),
        newest=datetime.fromtimestamp(newest, UTC) if newest else None,
        size_bytes=len(data),
        whole=whole,
    )


async def _there(tools: Tools, container: str, path: str) -> bool:
    try:
        return bool((await _beginning(tools, container, path, 0))[0])
    except TabibError:
        return False


async def _beginning(tools: Tools, container: str, path: str, limit: int) -> tuple[bytes, bool]:
    """The first bytes of an archive (more than ``limit``, where there are), and whether that is
    all. The stream is closed at once: while it is open the engine does nothing else there."""
    data = bytearray()
    chunks = cast(AsyncGenerator[bytes, None], tools.engine.get_archive(container, path))
    async with aclosing(chunks):
        async for chunk in chunks:
            data += chunk
            if len(data) > limit:
                return bytes(data), False
    return bytes(data), True
