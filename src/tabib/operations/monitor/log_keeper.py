"""Keeps the end of every container's output beyond its removal.

The engine's own log files are read, by descriptors that outlive the files; nothing is asked of the
engine. Where they are out of reach (another log driver, another machine, no right), the engine's
stream of the container is followed instead.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from tabib.decide.redact import Redactor
from tabib.host.json_log import JsonLog
from tabib.model.errors import StateUnusable
from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.sample import Missing
from tabib.operations.monitor.followed import Followed
from tabib.operations.monitor.log_reading import Reader
from tabib.operations.monitor.log_stream import LogStream
from tabib.operations.tasks import spawn
from tabib.ports import Clock, Engine, LogStore

log = structlog.get_logger("tabib.logs")

PATTERNS_EVERY_S = 60.0
KNOWN_LINES = 2_000
"""So many of the newest kept lines are compared with what is read after a restart."""
UNKNOWN_LOOKS = 5
"""So often it is waited for what a removed container's output may not show."""
_UNKNOWN = "it was removed before its secrets could be known: its output was not kept"
REMEMBERED = 200
"""Containers that are gone, whose tails and patterns are still in memory."""
AWAITED_S = 3.0
AWAITED_EVERY_S = 0.02
DATA_ROOT = "/var/lib/docker/containers"
_NONE = "none"


@dataclass(slots=True)
class LogKeeper:
    """Follows the output of all containers of one engine. Streams live in ``group``.

    ``redactor_of``: what to hide in a container's output; called on each reading. None: not known
    yet; nothing is kept before it is, and only a note of a container that was removed before.
    Nothing here raises for trouble of files, engine or store.
    """

    engine: Engine
    store: LogStore
    clock: Clock
    group: asyncio.TaskGroup
    engine_id: str
    redactor_of: Callable[[str], Redactor | None]
    _followed: dict[str, Followed] = field(default_factory=dict)
    _ended: OrderedDict[str, Followed] = field(default_factory=OrderedDict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reader: Reader = field(default_factory=Reader)
    _last: dict[str, datetime] | None = None
    _root: str = DATA_ROOT
    _patterns_at: float = float("-inf")
    _awaited: dict[str, float] = field(default_factory=dict)
    """Containers without a log file yet → until when it is looked for all the time."""
    _waiting: asyncio.Task[None] | None = None

    def watch(self, container_id: str, name: str, log_driver: str = "", log_path: str = "") -> None:
        """Follow a container: it was found, created or started. Idempotent; call it again with
        what became known. The log is opened at once, so that it outlives a removal right after:
        call it with the event, before anything is awaited; id and name are enough.
        """
        one = self._followed.get(container_id)
        if one is None:
            one = self._ended.pop(container_id, None) or Followed(
                self.engine_id, container_id, name, fresh=True
            )
            one.gone, one.looks_since_gone = False, 0
            self._followed[container_id] = one
        one.name, one.driver = name, log_driver or one.driver
        if log_path:
            self._root = os.path.dirname(os.path.dirname(log_path)) or self._root
        one.path = log_path or one.path
        self._connect(one)
        if one.file is None and one.stream is None and one.driver != _NONE:
            self._awaited[container_id] = self.clock.monotonic() + AWAITED_S
            if self._waiting is None or self._waiting.done():
                self._waiting = spawn(self.group, self._await_files(), "log files")

    def died(self, container_id: str) -> None:
        """It ended: its patterns are written with the next :meth:`collect`."""
        if container_id in self._followed:
            self._followed[container_id].died = True

    def gone(self, container_id: str) -> None:
        """It was removed: the rest of its output is read, then its source is closed."""
        if container_id in self._followed:
            self._followed[container_id].gone = True

    async def collect(self) -> int:
        """Read what was written since the last time, and keep it: how many lines. Bounded work,
        whatever came: see :class:`Reader`. Call it each tick, and when a container died or was
        removed."""
        async with self._turn:
            followed = list(self._followed.values())
            for one in followed:
                if one.fresh:
                    await self._resume(one)
                self._connect(one)
            known = {one.container_id: self.redactor_of(one.container_id) for one in followed}
            pairs = [(one, hides) for one in followed if (hides := known[one.container_id])]
            now = self.clock.now()
            lines = await asyncio.to_thread(self._reader.read, pairs, now)
            unknown = [one for one in followed if one.gone and known[one.container_id] is None]
            lost = [one for one in unknown if one.looks_since_gone >= UNKNOWN_LOOKS]
            lines += [one.note(_UNKNOWN, now) for one in lost]
            if lines:
                await self.store.append(lines)
            ended = [*lost, *(one for one in followed if one not in lost and self._has_ended(one))]
            await self._keep_patterns(followed, ended, now)
            for one in ended:
                self._let_go(one)
            return len(lines)

    def tail(self, container_id: str, n: int = 200) -> list[KeptLine]:
        """The newest lines that were read, redacted; also of a container that is gone."""
        one = self._known(container_id)
        return list(one.tail)[-n:] if one and n > 0 else []

    def patterns(self, container_id: str) -> list[LogPattern]:
        """Its errors since it is followed, most frequent first."""
        one = self._known(container_id)
        return one.patterns.all() if one else []

    def bytes(self, container_id: str) -> int | None:
        """How much it wrote in all, as the engine's files hold it; only grows. None where these
        are out of reach."""
        one = self._known(container_id)
        return one.file.total_bytes if one and one.file else None

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Containers whose output cannot be kept."""
        silent = sorted(one.name for one in self._followed.values() if one.driver == _NONE)
        refused = {
            one.stream.refused: one.name
            for one in self._followed.values()
            if one.stream and one.stream.refused and not one.gone
        }
        found = []
        if silent:
            found.append(
                Missing(
                    what=f"output of {', '.join(silent[:5])}{' …' if len(silent) > 5 else ''}",
                    why="their log driver is none: the engine throws it away",
                    how="Start them with another log driver, such as local or json-file.",
                )
            )
        for why, name in sorted(refused.items()):
            how = "Use a log driver that can be read: local, json-file or journald."
            found.append(Missing(what=f"output of {name}", why=why, how=how))
        return tuple(found)

    def close(self) -> None:
        """Close all files and streams."""
        self._awaited.clear()
        if self._waiting is not None:
            self._waiting.cancel()
        for one in self._followed.values():
            one.close()

    # ── within ─────────────────────────────────────────────────────────────────────────────────

    def _known(self, container_id: str) -> Followed | None:
        return self._followed.get(container_id) or self._ended.get(container_id)

    def _connect(self, one: Followed) -> None:
        """Open its log file, or follow its stream where that is out of reach."""
        if one.file is not None or one.driver == _NONE:
            return
        if one.driver in ("", "json-file") and one.stream is None:
            path = one.path or f"{self._root}/{one.container_id}/{one.container_id}-json.log"
            try:
                one.file = JsonLog(path)
                return
            except FileNotFoundError:
                if one.gone or os.path.isdir(os.path.dirname(path)):
                    # It was not started yet: the engine makes the file with its first start.
                    return
            except OSError as error:
                log.info("logs.by_stream", container=one.name, why=str(error))
            if not one.driver:
                # Nothing is known of it but its id: an inspection will say more.
                return
        if one.stream is None:
            one.stream = LogStream(self.engine, self.clock, one.container_id)
        if not one.fresh and not one.gone and not one.stream.refused:
            known = one.last_at if one.last_at.timestamp() > 0 else None
            one.stream.start(self.group, known)

    async def _await_files(self) -> None:
        """The file is there for as long as the container: of one that lives for a moment it must be
        opened within that."""
        while self._awaited:
            await self.clock.sleep(AWAITED_EVERY_S)
            now = self.clock.monotonic()
            for container_id, until in list(self._awaited.items()):
                one = self._followed.get(container_id)
                if one is not None:
                    self._connect(one)
                if one is None or one.file or one.stream or now > until:
                    del self._awaited[container_id]

    async def _resume(self, one: Followed) -> None:
        """Where an earlier daemon stopped."""
        one.fresh = False
        try:
            if self._last is None:
                self._last = dict(await self.store.last(self.engine_id))
            if one.container_id in self._last:
                kept = await self.store.tail(self.engine_id, [one.container_id], limit=KNOWN_LINES)
                one.resume(kept, KNOWN_LINES)
        except StateUnusable as error:
            log.warning("logs.not_resumed", container=one.name, why=str(error))

    def _has_ended(self, one: Followed) -> bool:
        if not one.gone:
            return False
        one.looks_since_gone += 1
        if self.redactor_of(one.container_id) is None:
            return False
        if one.file is not None:
            return one.file.unread_bytes() == 0
        running = one.stream is not None and one.stream.running
        return not running or one.looks_since_gone > 5

    async def _keep_patterns(
        self, followed: Iterable[Followed], ended: Iterable[Followed], now: datetime
    ) -> None:
        due = self.clock.monotonic() - self._patterns_at >= PATTERNS_EVERY_S
        new: list[LogPattern] = []
        for one in ended:
            new += one.patterns.flush()
        for one in followed:
            if one.died or due:
                new += one.patterns.flush(None if one.died else now)
                one.died = False
        if due:
            self._patterns_at = self.clock.monotonic()
        if new:
            await self.store.put_patterns(new)

    def _let_go(self, one: Followed) -> None:
        one.close()
        self._followed.pop(one.container_id, None)
        self._ended[one.container_id] = one
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
