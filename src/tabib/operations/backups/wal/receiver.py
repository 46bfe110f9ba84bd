"""Receives the log of one running PostgreSQL server, by ``pg_receivewal`` of its own image.

The program runs in a helper container that shares the server's network, and writes to a folder of
ours: what the server has acknowledged is outside its volume at once. The server's configuration is
not touched, and no replication slot is left there: one that is forgotten fills the server's disk.
A temporary one, which is gone with our session, holds what the helper has yet to receive while it
runs (``hold.py``). Where nobody ran for long, the server may have recycled a part of its log: then
a new stream begins, and a new base backup with it.

The helper outlives a daemon that dies, and the next one adopts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from tabib.decide.backups.wal import PUT_BACK, begins_anew
from tabib.decide.redact import redact
from tabib.model.backup import Dataset
from tabib.model.container import RUNNING, ContainerState, Mount
from tabib.model.errors import NotFound, TabibError
from tabib.model.oneshot import LABEL_HELPER, OneShot
from tabib.model.plan import Step, Verb
from tabib.operations.backups.kinds import KINDS
from tabib.operations.backups.kinds.postgres_sql import ask
from tabib.operations.backups.wal import spool
from tabib.operations.backups.wal.hold import hold
from tabib.operations.backups.wal.spool import Stream
from tabib.operations.tools import Tools

T = TypeVar("T")
log = structlog.get_logger("tabib.wal")

PURPOSE = "wal"
LABEL_INSTALLATION = "tabib.wal.installation"
LABEL_CONTAINER = "tabib.wal.container"
LABEL_STREAM = "tabib.wal.stream"
LABEL_DATASET = "tabib.wal.dataset"
_AT = "/wal"
_PAUSE_S = 1.0
_PAUSE_MAX_S = 60.0
_STEADY_S = 30.0
"""A helper that ran so long was well: the next pause is short again."""
_READY_S = 0.5
_BEHIND = timedelta(seconds=3)
"""Longer ago than this, that the receiver had caught up proves nothing of the server's end."""
_KEPT = 4096
_STREAMING = "starting log streaming"
"""What it says once the server has agreed."""


@dataclass(slots=True, kw_only=True)
class Status:
    """How it goes. ``trouble``: why nothing is received now; ``""``: it is."""

    receiving: bool = False
    stream: Stream | None = None
    trouble: str = ""
    failing_since: float | None = None
    """``clock.monotonic()``; None: all is well."""
    caught_up_at: datetime | None = None
    """What was acknowledged before then has come, as the server itself said; None: it was not
    asked."""
    gaps: list[str] = field(default_factory=list)


class Receiver:
    """For one container of one data set's service; :meth:`run` ends when that stops."""

    def __init__(
        self,
        tools: Tools,
        project: str,
        dataset: Dataset,
        container: ContainerState,
    ) -> None:
        self.dataset = dataset
        self.container = container
        self.status = Status()
        self._tools = tools
        self._project = project
        self._pause_s = _PAUSE_S
        self._ended_at: datetime | None = None
        """When the last helper ended, of those that received."""

    async def run(self) -> None:
        """Receive for as long as the container runs."""
        try:
            await self._adopt()
            while await self._runs():
                await self._once()
        finally:
            self._ended()

    def whole_now(self) -> None:
        """Note until when all that was acknowledged has come: until now, where the server was not
        asked."""
        if self.status.receiving and self.status.stream is not None:
            upto = self.status.caught_up_at or self._tools.clock.now()
            with suppress(OSError):
                self.status.stream.note(whole_until=upto.isoformat())

    # ── one helper ─────────────────────────────────────────────────────────────────────────────

    async def _once(self) -> None:
        tools = self._tools
        identity = await self._identity()
        if not identity:
            self._fails("the database does not answer")
            await tools.clock.sleep(_READY_S)
            return
        self.status.stream = stream = await self._stream(identity)
        self._goes_on(stream)
        begun = tools.clock.monotonic()
        said = await self._holding(self._receive(await self._spec(stream)))
        if await self._over():
            return
        anew = begins_anew(said)
        if anew:
            self._begin(identity, anew)
            return
        lines = said.strip().splitlines()
        self._fails(redact(lines[-1])[:300] if lines else "the receiver ended without a word")
        if tools.clock.monotonic() - begun > _STEADY_S:
            self._pause_s = _PAUSE_S
        await tools.clock.sleep(self._pause_s)
        self._pause_s = min(_PAUSE_MAX_S, self._pause_s * 2)

    async def _over(self) -> bool:
        """After a helper's end: whether the container has ended. Where the server has, in it or
        with it, and had nothing then that was not received, that is known of the stream."""
        ended, caught_up = self._ended_at, self.status.caught_up_at
        stream, backups = self.status.stream, self._tools.backups
        runs = await self._runs()
        if runs and await KINDS["postgres"].ready(self._tools, self.container.id):
            return False  # the helper alone
        if stream is None or backups is None or ended is None or caught_up is None:
            return not runs
        if ended - caught_up <= _BEHIND:
            backups.received_whole[stream.id] = ended
            with suppress(OSError):
                stream.note(whole_until=ended.isoformat())
        return not runs

    def _goes_on(self, stream: Stream) -> None:
        """Its server answers: it may write what is not received yet."""
        if self._tools.backups is not None:
            self._tools.backups.received_whole.pop(stream.id, None)

    async def _stream(self, identity: str) -> Stream:
        """The stream to go on with: a new one for a new timeline, so that nothing of the old one
        is written over."""
        known = spool.streams(self._tools, self._project, self.dataset.name, identity)
        if not known:
            return self._begin(identity, "")
        timeline = known[0].timeline()
        now = await ask(
            self._tools, self.container.id, "select timeline_id from pg_control_checkpoint()"
        )
        if timeline and now.isdigit() and int(now) != timeline:
            return self._begin(identity, PUT_BACK)
        return known[0]

    def _begin(self, identity: str, gap: str) -> Stream:
        """A new stream; ``gap``: why the one before cannot go on."""
        if gap:
            self.status.gaps.append(gap)
            log.warning("wal.gap", project=self._project, dataset=self.dataset.name, why=gap)
        stream = spool.begin(self._tools, self._project, self.dataset.name, identity)
        self.status.stream = stream
        self.status.caught_up_at = None
        return stream

    async def _receive(self, spec: OneShot) -> str:
        """Run the helper to its end; what it said."""
        said = ""
        async with self._tools.engine.start_one_shot(spec) as process:
            try:
                async for _, data in process.output():
                    said = (said + data.decode(errors="replace"))[-_KEPT:]
                    if not self.status.receiving and _STREAMING in said:
                        self._receives()
                await process.exit_code()
            finally:
                self._ended()
        return said

    async def _holding(self, work: Coroutine[Any, Any, T]) -> T:
        """``work``, while the server keeps what it has yet to hand out."""
        holding = asyncio.create_task(hold(self._tools, self.container.id, self._caught_up))
        try:
            return await work
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    def _caught_up(self, at: datetime) -> None:
        if self.status.receiving:
            self.status.caught_up_at = at

    async def _spec(self, stream: Stream) -> OneShot:
        inspection = await self._tools.engine.inspect(self.container.id)
        found = dict(
            entry.partition("=")[::2] for entry in (inspection.get("Config") or {}).get("Env") or ()
        )
        owner = stream.path.stat()
        argv = ["pg_receivewal", "-h", "127.0.0.1", "-p", found.get("PGPORT") or "5432"]
        argv += ["-U", await self._user(found), "-D", _AT, "--synchronous", "--no-loop", "-w", "-v"]
        return OneShot(
            purpose=PURPOSE,
            image=self.container.image_id or self.container.image,
            argv=tuple(argv),
            name=f"tabib-wal-{self._tools.new_id()}",
            environment={**await self._password(found), "LC_ALL": "C"},
            mounts=(Mount(type="bind", source=str(stream.path), target=_AT),),
            network=f"container:{self.container.id}",
            user=f"{owner.st_uid}:{owner.st_gid}",
            labels={
                # Not the label by which helpers of a dead daemon are found and removed.
                LABEL_INSTALLATION: self._tools.installation,
                LABEL_CONTAINER: self.container.id,
                LABEL_STREAM: stream.id,
                LABEL_DATASET: f"{self._project}/{self.dataset.name}",
            },
        )

    async def _user(self, environment: Mapping[str, str]) -> str:
        named = environment.get("POSTGRES_USER") or environment.get("POSTGRESQL_USERNAME")
        return named or await self._read(environment.get("POSTGRES_USER_FILE", "")) or "postgres"

    async def _password(self, environment: Mapping[str, str]) -> dict[str, str]:
        names = ("POSTGRES_PASSWORD", "POSTGRESQL_POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
        found = next((environment[one] for one in names if environment.get(one)), "")
        found = found or await self._read(environment.get("POSTGRES_PASSWORD_FILE", ""))
        return {"PGPASSWORD": found} if found else {}

    async def _read(self, path: str) -> str:
        if not path:
            return ""
        with suppress(TabibError):
            ran = await self._tools.engine.exec(self.container.id, ["cat", path], timeout_s=10)
            return ran.stdout.decode(errors="replace").strip() if ran.exit_code == 0 else ""
        return ""

    # ── one that outlived its daemon ───────────────────────────────────────────────────────────

    async def _adopt(self) -> None:
        """Where a helper of an earlier daemon receives for this container, wait for its end."""
        for one in await left(self._tools):
            if one.labels.get(LABEL_CONTAINER) != self.container.id:
                continue
            if one.labels.get(LABEL_DATASET) != f"{self._project}/{self.dataset.name}":
                continue
            known = spool.streams(self._tools, self._project, self.dataset.name)
            mine = [each for each in known if each.id == one.labels.get(LABEL_STREAM)]
            if one.status == "running" and mine:
                log.info("wal.adopted", project=self._project, dataset=self.dataset.name)
                self.status.stream = mine[0]
                self._goes_on(mine[0])
                self._receives()
                try:
                    await self._holding(self._tools.engine.wait(one.id))
                finally:
                    self._ended()
                await self._over()
            await remove(self._tools, one.id)

    # ── how it goes ────────────────────────────────────────────────────────────────────────────

    def _receives(self) -> None:
        self.status.receiving = True
        if self._tools.backups is not None and self.status.stream is not None:
            self._tools.backups.receiving.add(self.status.stream.id)
        self.status.trouble = ""
        self.status.failing_since = None

    def _ended(self) -> None:
        if self.status.receiving:
            self._ended_at = self._tools.clock.now()
        self.whole_now()
        self.status.receiving = False
        if self._tools.backups is not None and self.status.stream is not None:
            self._tools.backups.receiving.discard(self.status.stream.id)

    def _fails(self, why: str) -> None:
        self.status.trouble = why
        if self.status.failing_since is None:
            self.status.failing_since = self._tools.clock.monotonic()

    async def _identity(self) -> str:
        kind = KINDS["postgres"]
        if not await kind.ready(self._tools, self.container.id):
            return ""
        return await kind.identity(self._tools, self.container.id, self.dataset)

    async def _runs(self) -> bool:
        with suppress(NotFound):
            now = await self._tools.engine.look(self.container.id)
            return now.status in RUNNING and now.started_at == self.container.started_at
        return False


async def left(tools: Tools) -> list[ContainerState]:
    """Helpers of this kind and this installation, whoever started them."""
    seen = await tools.engine.observe(detail=False)
    return [
        one
        for one in seen.containers
        if one.labels.get(LABEL_HELPER) == PURPOSE
        and one.labels.get(LABEL_INSTALLATION) == tools.installation
    ]


async def remove(tools: Tools, container: str) -> None:
    """Remove a helper. Idempotent."""
    step = Step(
        id="wal",
        verb=Verb.REMOVE_CONTAINER,
        subject="a helper",
        reason="it receives no more",
        target=container,
        options={"force": True, "volumes": True},
    )
    with suppress(NotFound):
        await tools.engine.apply(step)
