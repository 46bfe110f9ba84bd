"""Stores files and streams in a repository."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from tabib.model.backup import BytesDone, Place, Saved
from tabib.model.errors import (
    Damaged,
    TabibError,
)
from tabib.model.oneshot import OneShot
from tabib.ports import BytesSink
from tabib.stores.repository.helpers import SAVE, place_mount
from tabib.stores.repository.looking import RUN_TAG, Looking
from tabib.stores.repository.program import below
from tabib.stores.repository.progress import Meter
from tabib.stores.repository.replay import ALL, Outlasting, Replayed
from tabib.stores.repository.runs import Said, feed, run
from tabib.stores.repository.scripts import GO, WHOLE, ahead_of_it, once_it_comes
from tabib.stores.repository.summaries import (
    encoded_tags,
    saved_of,
)
from tabib.stores.repository.trouble import unreadable

log = structlog.get_logger("tabib.repository")

HOST = "tabib"
"""What every snapshot says it is of: the host's own name is no part of what is known of data."""
_INCOMPLETE = 3
_ID_LETTERS = 64
_ABANDON_S = 60.0


class Saving(Looking):
    async def save_files(
        self,
        place: Place,
        *,
        tags: Sequence[str],
        inner: str = "",
        excludes: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> Saved:
        root = below("/data", inner)
        run_tag = RUN_TAG + secrets.token_hex(6)
        words = self._backup(tags, run_tag)
        words += [
            f"--exclude={below('/data', pattern) if '/' in pattern else pattern}"
            for pattern in excludes
        ]
        spec = self._spec(
            self._restic(*words, root),
            purpose=SAVE,
            mounts=[place_mount(place, "/data", read_only=True)],
            low=True,
        )

        async def attempt() -> Saved:
            return await self._save(spec, run_tag, progress)

        return await self._unlocked(attempt)

    async def _save(self, spec: OneShot, run_tag: str, progress: BytesSink | None) -> Saved:
        meter = Meter(progress, self._clock.monotonic)
        summary: dict[str, Any] = {}

        def on_line(line: dict[str, Any]) -> None:
            if line.get("message_type") == "status":
                meter.status(line)
            elif line.get("message_type") == "summary":
                summary.update(line)

        begun = self._clock.monotonic()
        try:
            code, said = await run(self._helpers.runner, spec, on_line=on_line)
        except BaseException:
            await self._abandon(run_tag)
            raise
        if code not in (0, _INCOMPLETE) or not summary.get("snapshot_id"):
            self._judge(code or 1, said, "save to")
        unread, broken = unreadable(said.stderr)
        summary["snapshot_id"] = await self._whole_id(summary, run_tag)
        saved = saved_of(summary, unread, self._clock.monotonic() - begun)
        meter.say(BytesDone(done=saved.size_bytes, total=saved.size_bytes), last=True)
        await self._held()
        if broken:
            raise Damaged(
                f"the disk does not give {len(broken)} of its files: {', '.join(broken[:3])}",
                attempted="save",
                target=self.name,
                advice="What could be read was stored. Look at the disk (dmesg, smartctl).",
                details={"paths": broken, "stored": saved.id, "size_bytes": saved.size_bytes},
            )
        return saved

    async def save_stream(
        self,
        chunks: AsyncIterator[bytes],
        *,
        filename: str,
        tags: Sequence[str],
        progress: BytesSink | None = None,
        ahead: bool = False,
    ) -> Saved:
        if ahead and self._helpers.opens_ahead and self._helpers.host is None:
            return await self._save_ahead(chunks, filename, tags)
        return await self._save_stream(Replayed(chunks), filename, tags, progress)

    async def _save_stream(
        self,
        source: Replayed,
        filename: str,
        tags: Sequence[str],
        progress: BytesSink | None = None,
    ) -> Saved:
        run_tag = RUN_TAG + secrets.token_hex(6)
        words = [*self._backup(tags, run_tag), "--stdin", f"--stdin-filename={filename}"]
        argv = ["sh", "-c", once_it_comes(), "sh", *self._restic(*words)]
        spec = self._spec(argv, purpose=SAVE, input=run_tag, low=True)
        waiting = self._helpers.waiting
        meter = Meter(progress, self._clock.monotonic)

        async def attempt() -> Saved:
            begun, done = self._clock.monotonic(), 0

            def on_bytes(count: int) -> None:
                nonlocal done
                done += count
                meter.say(BytesDone(done=done, current=filename))

            def begin() -> bytes:
                waiting.discard(run_tag)
                return GO

            waiting.add(run_tag)
            try:
                code, said = await feed(self._helpers.runner, spec, source.again(), on_bytes, begin)
            except BaseException:
                if source.ended:
                    await self._abandon(run_tag)
                raise
            finally:
                waiting.discard(run_tag)
            summary = _summary(said)
            if code != 0 or not summary.get("snapshot_id"):
                self._judge(code or 1, said, "save to")
            meter.say(BytesDone(done=done, total=done, current=filename), last=True)
            await self._held()
            summary["snapshot_id"] = await self._whole_id(summary, run_tag)
            return saved_of(summary, [], self._clock.monotonic() - begun)

        return await self._unlocked(attempt, may_repeat=lambda: source.whole)

    async def _save_ahead(
        self, chunks: AsyncIterator[bytes], filename: str, tags: Sequence[str]
    ) -> Saved:
        """By a restic that has the repository open before its input comes. Where it ends before
        that (one before 0.17 cannot, or the repository is locked) it goes the other way."""
        stream = Outlasting(chunks)
        source = Replayed(stream, ALL)
        try:
            saved = await self._try_ahead(source, filename, tags)
            return saved or await self._save_stream(source, filename, tags)
        finally:
            await stream.close()

    async def _try_ahead(
        self, source: Replayed, filename: str, tags: Sequence[str]
    ) -> Saved | None:
        """Not repeated: while it waits it holds a lock, which is to be in nobody's way."""
        run_tag = RUN_TAG + secrets.token_hex(6)
        words = [*self._backup(tags, run_tag), f"--stdin-filename={filename}"]
        argv = ["sh", "-c", ahead_of_it(), "sh", *self._restic(*words)]
        spec = self._spec(argv, purpose=SAVE, input=run_tag, low=True)
        begun = self._clock.monotonic()
        try:
            code, said = await feed(self._helpers.runner, spec, _marked(source), lambda _: None)
        except BaseException:
            if source.ended:
                await self._abandon(run_tag)
            raise
        summary = _summary(said)
        if code == 0 and summary.get("snapshot_id"):
            await self._held()
            summary["snapshot_id"] = await self._whole_id(summary, run_tag)
            return saved_of(summary, [], self._clock.monotonic() - begun)
        log.info("repository.not_ahead", repository=self.name, code=code, said=said.stderr[-300:])
        self._helpers.opens_ahead = "unknown flag" not in said.stderr
        if source.ended:
            await self._abandon(run_tag)
        return None

    def _backup(self, tags: Sequence[str], run_tag: str) -> list[str]:
        words = ["backup", "--json", f"--host={HOST}"]
        if self._limit_upload_kib:
            words.append(f"--limit-upload={self._limit_upload_kib}")
        return [*words, *(f"--tag={tag}" for tag in (*encoded_tags(tags), run_tag))]

    async def _whole_id(self, summary: Mapping[str, Any], run_tag: str) -> str:
        """The id of what a run stored, which restic before 0.16 says in short."""
        said = str(summary["snapshot_id"])
        if len(said) == _ID_LETTERS:
            return said
        found = [one.id for one in await self._all() if run_tag in one.tags]
        return found[0] if found else said

    async def _abandon(self, run_tag: str) -> None:
        """See that a run that was broken off has left no snapshot."""

        async def undo() -> None:
            left = [one.id for one in await self._all() if run_tag in one.tags]
            if left:
                await self._forget(left)

        task = asyncio.ensure_future(undo())
        try:
            async with asyncio.timeout(_ABANDON_S):
                await asyncio.shield(task)
        except (TabibError, TimeoutError) as error:
            task.cancel()
            log.warning("repository.abandoned_unseen", repository=self.name, why=str(error))

    async def _held(self) -> None:
        if self._on_held is not None:
            await self._on_held()


async def _marked(source: Replayed) -> AsyncIterator[bytes]:
    """It, and that it is whole; of nothing nothing."""
    some = False
    async for chunk in source.again():
        some = some or bool(chunk)
        yield chunk
    if some:
        yield WHOLE


def _summary(said: Said) -> dict[str, Any]:
    for line in reversed(said.out.splitlines()):
        try:
            value = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(value, dict) and value.get("message_type") == "summary":
            return value
    return {}
