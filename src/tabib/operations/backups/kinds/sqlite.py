"""SQLite files: held by a read transaction while the repository copies the volume around them.

In WAL mode nobody is held up: our reader keeps the log from beginning anew, and what is copied is a
database and a log that belong together. (It may still begin anew once, where all of it had been
written back before; that is seen, and the copy is made again, for then it cannot twice.) With a
rollback journal writers wait, so most is copied before. Where the files are not on this machine,
whoever writes is paused.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from tabib.model.backup import LOCKED, Dataset, Part, Place
from tabib.model.errors import CopyFailed, Damaged, TabibError
from tabib.operations.backups.kinds import files
from tabib.operations.backups.kinds.counted import Counted, Seen, compare, judge
from tabib.operations.backups.kinds.holding_still import writers
from tabib.operations.backups.kinds.kind import Check, Copying, Examined, Filling
from tabib.operations.backups.kinds.places import host_path
from tabib.operations.backups.kinds.programs import means_damage
from tabib.operations.tools import Tools

_ANSWER_S = 60.0
_CHECK_S = 3600.0
_LINE_BYTES = 16 * 1024**2


class Sqlite:
    """See :class:`~tabib.operations.backups.kinds.kind.Kind`."""

    async def save(self, work: Copying, dataset: Dataset) -> Part:
        if dataset.method or not await writers(work.tools, dataset, None):
            return await files.save(work, dataset)
        root = await host_path(work.tools, dataset.place)
        if not root or files.all_paused(await writers(work.tools, dataset, None)):
            # Copied live, hardly a copy would be of any use.
            return await files.save(work, replace(dataset, method="pause"), keep_as=dataset)
        return await _save(work, dataset, root)

    async def fill(self, work: Filling, part: Part, target: Place) -> None:
        await files.fill(work, part, target)

    async def ready(self, tools: Tools, container_id: str) -> bool:
        return await files.Files().ready(tools, container_id)

    async def check(self, tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
        target = part.dataset.target.rstrip("/")
        state = await tools.engine.look(container_id)
        mount = next((m for m in state.mounts if m.target.rstrip("/") == target), None)
        root = ""
        if mount is not None:
            source = mount.name if mount.type == "volume" else mount.source
            root = await host_path(tools, Place(type=mount.type, source=source))
        if not root:
            text = "its files are not on this machine"
            return (Check(name="integrity_check", ok=True, text=text),)
        return await _check(root, part)

    async def examine(self, tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
        root = await host_path(tools, place)
        if not root:
            return Examined(sound=None, text="its files are not on this machine")
        try:
            async with _holding(root, dataset.files) as holder:
                found = await holder.ask("integrity", _CHECK_S)
        except CopyFailed as error:
            return Examined(sound=None, text=error.happened)
        wrong, unknown = _wrong(found)
        if wrong:
            return Examined(sound=False, text="; ".join(wrong)[:500])
        if unknown:
            return Examined(sound=None, text="; ".join(unknown)[:500])
        return Examined(sound=True, text=f"{len(found)} SQLite files are whole")

    async def identity(self, tools: Tools, container_id: str, dataset: Dataset) -> str:
        return ""


async def _save(work: Copying, dataset: Dataset, root: str) -> Part:
    async with _holding(root, dataset.files) as holder:
        modes = await holder.ask("modes")
        waiting = any(not one.get("wal") for one in modes.values())
        async with files.first_pass(work, dataset, wanted=waiting):
            # Counted first where writers would wait for it; else by what the transaction sees.
            before = _counted(await holder.ask("count"), dataset) if waiting else None
            taken_at = work.tools.clock.now()
            held = await holder.ask("hold")
            _raise_damage(held, dataset)
            headers = await holder.ask("headers")
            before = before or _counted(await holder.ask("count"), dataset)
            part = await files.copied(work, dataset, LOCKED)
            if await holder.ask("headers") != headers:
                await files.let_go(work, part.stored)
                part = await files.copied(work, dataset, LOCKED)
            await holder.ask("release")
        after = _counted(await holder.ask("count"), dataset)
    failed = [f"{name}: {one['error']}" for name, one in held.items() if "error" in one]
    warnings = part.warnings
    if failed:
        warnings += (f"could not be held while they were copied: {'; '.join(failed)}",)
    record = {**part.record, **compare(before, after)}
    return replace(part, taken_at=taken_at, record=record, warnings=warnings)


def _raise_damage(found: Mapping[str, Any], dataset: Dataset) -> None:
    for name, one in found.items():
        words = str(one.get("error", ""))
        if words.startswith(("CorruptError", "NotADBError")):
            raise Damaged(
                f"{name} cannot be read: {words}",
                attempted="back up",
                target=dataset.name,
                advice="The last good snapshot has it: tabib restore.",
                details={"file": name},
            )


def _counted(found: Mapping[str, Any], dataset: Dataset) -> Counted:
    _raise_damage(found, dataset)
    counted = Counted()
    for name, one in found.items():
        if "error" in one:
            counted.notes.append(f"{name} could not be counted: {one['error']}")
        for table, seen in (one.get("tables") or {}).items():
            counted.tables[f"{name}:{table}"] = Seen(rows=seen["rows"], digest=seen["digest"])
    return counted


async def _check(root: str, part: Part) -> tuple[Check, ...]:
    try:
        async with _holding(root, part.dataset.files) as holder:
            found = await holder.ask("integrity", _CHECK_S)
            counted = _counted(await holder.ask("count"), part.dataset)
    except TabibError as error:
        return (Check(name="integrity_check", ok=False, text=error.happened),)
    wrong, unknown = _wrong(found)
    bad = [*wrong, *unknown]
    text = "; ".join(bad)[:500] or f"{len(found)} SQLite files are whole"
    checks = (Check(name="integrity_check", ok=not bad, text=text),)
    return checks + (judge(part.record, counted) if "tables" in part.record else ())


async def shrunk(tools: Tools, place: Place, part: Part) -> str:
    """Why files that were brought to a later time are not what they were when they were copied:
    damaged, or with less than half of the rows; ``""``: nothing is found."""
    root = await host_path(tools, place)
    if not root:
        return "its files are not on this machine"
    try:
        async with _holding(root, part.dataset.files) as holder:
            wrong, unknown = _wrong(await holder.ask("integrity", _CHECK_S))
            now = _counted(await holder.ask("count"), part.dataset)
    except TabibError as error:
        return error.happened
    if wrong or unknown:
        return "; ".join([*wrong, *unknown])[:300]
    before = sum(
        int(one.get("rows") or one.get("at_least") or one.get("about") or 0)
        for one in part.record.get("tables") or ()
    )
    after = sum(one.rows or 0 for one in now.tables.values())
    if after * 2 < before:
        return f"{after} rows are in it; it had {before} when it was copied"
    return ""


def _wrong(found: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is damaged, and what could not be told."""
    wrong: list[str] = []
    unknown: list[str] = []
    for name, one in found.items():
        words = str(one.get("error", ""))
        if one.get("wrong"):
            wrong.append(f"{name}: {one['wrong'][0]}")
        elif words.startswith(("CorruptError", "NotADBError", "FileNotFoundError")):
            wrong.append(f"{name}: {words}")
        elif words:
            (wrong if means_damage(words) else unknown).append(f"{name}: {words}")
    return wrong, unknown


# ── the process that holds them ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Holder:
    process: asyncio.subprocess.Process

    async def ask(self, command: str, timeout_s: float = _ANSWER_S) -> dict[str, dict[str, Any]]:
        """
        :raises CopyFailed: the process has ended, or does not answer.
        """
        asked, answers = self.process.stdin, self.process.stdout
        assert asked is not None
        assert answers is not None
        line = b""
        try:
            async with asyncio.timeout(timeout_s):
                asked.write(command.encode() + b"\n")
                await asked.drain()
                line = await answers.readline()
        except (OSError, TimeoutError, ValueError):
            pass
        if not line:
            raise CopyFailed(
                "the process that reads SQLite files ended or does not answer",
                attempted=command,
                target="SQLite files",
                advice="Try again; method: pause copies without it.",
            )
        found: dict[str, dict[str, Any]] = msgspec.json.decode(line)
        return found


@asynccontextmanager
async def _holding(root: str, names: Sequence[str]) -> AsyncIterator[_Holder]:
    """A process for ``names`` below ``root``; leaving the block ends it, and whatever it holds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tabib.host.sqlite_holder", root, *names),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    try:
        yield _Holder(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
