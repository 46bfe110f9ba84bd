"""A daemon on a memory engine: real wiring, real stores (without their threads), virtual time.

A :class:`House` is what outlives a daemon: the engine's world, the clock and the state folder.
``async with house.daemon() as daemon`` runs one as the real daemon does; leaving the block is its
SIGKILL: nothing is finished, nothing is written. ``house.run`` runs a story on virtual time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from support.inline import InlineDatabase
from tabib.engines.memory import CrashPoint, MemoryEngine, SimulatedCrash, VirtualClock, World
from tabib.model.container import EngineInfo
from tabib.model.event import Event
from tabib.model.incident import Case, Incident
from tabib.model.plan import Step, StepResult
from tabib.model.project import Project
from tabib.model.release import CareRecord, JournalEntry
from tabib.model.settings import NotifySettings
from tabib.model.wire import ActionRequest, AdoptRequest, DownRequest, EndpointAddress, UpRequest
from tabib.operations.act import act
from tabib.operations.adopt import adopt
from tabib.operations.down import down
from tabib.operations.notifying import Notifying
from tabib.operations.operation import Operation
from tabib.operations.site import Site
from tabib.operations.tasks import keep_running
from tabib.operations.tools import Tools
from tabib.operations.up import up
from tabib.ports import Credentials, Notifier, ProgressSink
from tabib.stores.journal import FILE_NAME as JOURNAL
from tabib.stores.journal import SqliteJournal
from tabib.stores.journal_schema import MIGRATIONS as JOURNAL_FORMAT
from tabib.stores.state import StateDir
from tabib.stores.vault import FILE_NAME as VAULT
from tabib.stores.vault import MIGRATIONS as VAULT_FORMAT
from tabib.stores.vault import unlock
from tabib.wiring import Recording, Stores, build_notifying, build_site

T = TypeVar("T")
ADDRESS = EndpointAddress(url="memory://house")
RESERVE_BYTES = 4096
WRITES = (
    "append",
    "put_release",
    "put_care",
    "remove_care",
    "put_case",
    "put_incident",
    "put_last_seen",
    "put_setting",
    "put_settings",
    "put_snapshot",
)
"""What the journal is killed at; leases die with the process and are not of interest."""


class LocalEngine(MemoryEngine):
    """A memory engine that sees the daemon's own files: volumes live in generations. As with a
    real one, a call that was sent is carried out, whatever becomes of whoever sent it."""

    async def info(self) -> EngineInfo:
        return replace(await super().info(), local=True)

    async def apply(
        self,
        step: Step,
        *,
        progress: ProgressSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        call = super().apply(step, progress=progress, credentials=credentials)
        task = asyncio.get_running_loop().create_task(call)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)


class House:
    """One world, one clock, any number of state folders; ids are counted, never repeated."""

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        self.clock = VirtualClock()
        self.world = World(clock=self.clock, seed=seed)
        self.folder = folder
        self._ids = itertools.count(1)

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """The story on this house's clock."""
        return self.clock.run(story)

    @asynccontextmanager
    async def daemon(
        self,
        crash: CrashPoint | None = None,
        *,
        state: str = "state",
        acts: bool = True,
        recording: Recording | None = None,
        notifier: Notifier | None = None,
        notify: NotifySettings | None = None,
    ) -> AsyncIterator[Daemon]:
        """A daemon over the state folder; ``crash``: dies there, at a journal write or a step;
        ``recording``: what its flight recorder keeps; ``notifier``: what people are told through,
        by the host's settings ``notify``."""
        folder = StateDir.open(self.folder / state, reserve_bytes=RESERVE_BYTES)
        journal = SqliteJournal(InlineDatabase(folder.path / JOURNAL, JOURNAL_FORMAT), self.clock)
        vault = await unlock(folder.path, InlineDatabase(folder.path / VAULT, VAULT_FORMAT))
        await journal.clear_leases()
        point = crash or CrashPoint()
        stores = Stores(folder, point.guard(journal, WRITES), vault, recording)
        engine = LocalEngine(self.world, crash=point)
        notifying = None
        if notifier is not None:
            settings = notify or NotifySettings()
            notifying = build_notifying(stores, self.clock, settings, notifier=notifier)
            journal.on_incident = notifying.changed
        try:
            async with asyncio.TaskGroup() as group:
                site = await build_site(
                    engine,
                    ADDRESS,
                    stores,
                    self.clock,
                    group,
                    acts=acts,
                    new_id=lambda: f"id{next(self._ids):010d}",
                    notifier=notifier,
                )
                if notifying is not None:
                    keep_running(group, notifying.run, "notify", self.clock)
                await site.tools.watch.connected.wait()
                yield Daemon(site, self.clock, journal, notifying)
                raise _Killed
        except* _Killed:
            pass
        finally:
            await journal.close()
            await vault.close()

    async def dies(
        self, crash: CrashPoint, story: Callable[[Daemon], Coroutine[Any, Any, object]]
    ) -> bool:
        """Run ``story`` in a daemon that dies at ``crash``; whether it came to that."""
        try:
            async with self.daemon(crash) as daemon:
                await story(daemon)
        except BaseException as error:
            if not crashed(error):
                raise
        return crash.dead


class _Killed(Exception):
    """Ends the daemon's task group."""


@dataclass(slots=True)
class Daemon:
    """One life of a daemon, and what people do through it."""

    site: Site
    clock: VirtualClock
    journal: SqliteJournal
    notifying: Notifying | None = None

    @property
    def tools(self) -> Tools:
        return self.site.tools

    async def up(
        self,
        project: Project,
        *services: str,
        operation: Operation | None = None,
        **options: Any,
    ) -> Mapping[str, Any]:
        operation = operation or self.operation("up", project.name)
        request = UpRequest(project=project, services=services, by="test", **options)
        return await up(self.tools, request, operation)

    async def down(
        self, name: str, *, operation: Operation | None = None, **options: Any
    ) -> Mapping[str, Any]:
        operation = operation or self.operation("down", name)
        return await down(self.tools, name, DownRequest(**options), operation)

    async def act(self, verb: str, name: str, *services: str, **options: Any) -> Mapping[str, Any]:
        request = ActionRequest(verb=verb, services=services, options=options)
        return await act(self.tools, name, request, self.operation(verb, name))

    async def adopt(self, name: str, mode: str = "act") -> Mapping[str, Any]:
        return await adopt(self.tools, name, AdoptRequest(mode=mode), self.operation("adopt", name))

    def operation(self, verb: str, project: str) -> Operation:
        return Operation(self.tools.new_id(), verb, project)

    async def care(self, project: str) -> CareRecord:
        found = await self.journal.care(self.tools.info.id, project)
        assert found is not None, f"{project} is not in care"
        return found

    async def incidents(self) -> list[Incident]:
        """Oldest first."""
        return (await self.journal.incidents())[::-1]

    async def case(self, incident: Incident, number: int = -1) -> Case:
        found = await self.journal.case(incident.case_ids[number])
        assert found is not None
        return found

    async def entries(self, *kinds: str) -> list[JournalEntry]:
        return await self.journal.entries(kinds=kinds)

    async def until(self, holds: Callable[[], Any], patience_s: float = 120.0) -> Any:
        """Let (virtual) time pass until ``holds()`` (a coroutine's answer too) is true; it."""
        limit = self.clock.monotonic() + patience_s
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            assert self.clock.monotonic() < limit, f"never happened within {patience_s} s"
            await self.clock.sleep(0.05)

    def listen(self, to: Callable[[Event], None]) -> None:
        """Call ``to`` with every event, before care sees it."""
        care = self.site.care.on_event

        def both(event: Event) -> None:
            to(event)
            care(event)

        self.tools.watch.on_event = both

    async def passes(self, seconds: float) -> None:
        """Let (virtual) time pass."""
        await self.clock.sleep(seconds)


def crashed(error: BaseException) -> bool:
    """Whether ``error`` is, or holds, a simulated crash and nothing else that is wrong."""
    if isinstance(error, BaseExceptionGroup):
        return any(crashed(one) for one in error.exceptions)
    return isinstance(error, SimulatedCrash)
