"""After the daemon died: its last actions are known again, and what it was asked to do is done.

Nothing is resumed from memory: an operation that the journal shows begun and not ended is asked for
once more, which observes and plans anew. Only lately, and only once: what kills the daemon again
and again must not be done again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from tabib.model.container import RUNNING
from tabib.model.errors import Interrupted, TabibError
from tabib.model.plan import Verb
from tabib.model.project import Project
from tabib.model.release import JournalEntry
from tabib.model.wire import ActionRequest, DownRequest, UpRequest
from tabib.operations.act import act
from tabib.operations.down import down
from tabib.operations.journalled import close_cut_off
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.operations.up import up
from tabib.stores.seal import open_project

log = structlog.get_logger("tabib.resume")

LATELY = timedelta(minutes=15)
CALL_IN_FLIGHT = timedelta(seconds=10)
"""An engine goes on with a call whose caller died, a stop with its grace."""
_READ = 20_000
_POLL_S = 0.2
_ENDS = (Verb.STOP_CONTAINER, Verb.REMOVE_CONTAINER, Verb.REMOVE_VOLUME)


@dataclass(frozen=True, slots=True)
class _CutOff:
    """An operation without an end; its project counts as in hand until ``held`` is closed."""

    id: str
    project: str
    asked: Mapping[str, Any]
    held: ExitStack


class Resume:
    """One daemon's look back at its predecessor's end, on one engine."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._cut_off: list[_CutOff] = []
        self._ending: set[tuple[Verb, str]] = set()
        """What was to stop or to go, and of which no outcome is known."""

    async def recall(self) -> None:
        """Read the journal: own actions are own actions again; cut-off projects are in hand.

        :raises StateUnusable: the journal cannot be read.
        """
        tools = self._tools
        entries = await tools.journal.entries(
            engine_id=tools.info.id,
            kinds=("intent", "outcome", "operation_started", "operation_ended"),
            since=tools.clock.now() - LATELY,
            limit=_READ,
        )
        self._recall_actions(entries)
        # By project too: a restore ends its own backup of what it replaces before it is done.
        ended = {(one.operation, one.project) for one in entries if one.kind == "operation_ended"}
        # The latest of each project: an earlier one was replaced by it.
        started = {one.project: one for one in entries if one.kind == "operation_started"}
        for one in started.values():
            if (one.operation, one.project) in ended:
                continue
            if "resumes" in one.data:
                log.error("operation.given_up", operation=one.subject, project=one.project)
                continue
            held = ExitStack()
            held.enter_context(tools.actions.working_on(one.project))
            self._cut_off.append(_CutOff(one.operation, one.project, one.data, held))

    def _recall_actions(self, entries: Sequence[JournalEntry]) -> None:
        ends = {
            (one.operation, one.data.get("step")): one.at
            for one in entries
            if one.kind == "outcome"
        }
        until = self._tools.clock.now() + CALL_IN_FLIGHT
        for one in entries:
            if one.kind == "intent":
                targets = (str(one.data.get("target", "")), one.subject.removeprefix("network "))
                ended_at = ends.get((one.operation, one.data.get("step")), until)
                verb = Verb(str(one.data["verb"]))
                self._tools.actions.recall(targets, verb, one.at, ended_at)
                if verb in _ENDS and (one.operation, one.data.get("step")) not in ends:
                    self._ending.add((verb, targets[0]))

    async def run(self) -> None:
        """Complete what was cut off; failures are told, and harm nothing else."""
        if self._cut_off:
            await self._ended()
        async with asyncio.TaskGroup() as group:
            for one in self._cut_off:
                group.create_task(self._one(one))

    async def _ended(self) -> None:
        """Wait for calls that the engine may go on with: what is still there then would be taken
        for well, and stop or go after that."""
        clock = self._tools.clock
        until = clock.monotonic() + CALL_IN_FLIGHT.total_seconds()
        while self._ending and clock.monotonic() < until:
            seen = await self._tools.engine.observe(detail=False)
            there = {(Verb.REMOVE_CONTAINER, one.id) for one in seen.containers}
            there |= {(Verb.REMOVE_VOLUME, one.name) for one in seen.volumes}
            there |= {
                (Verb.STOP_CONTAINER, one.id) for one in seen.containers if one.status in RUNNING
            }
            self._ending &= there
            if self._ending:
                await clock.sleep(_POLL_S)

    async def _one(self, one: _CutOff) -> None:
        verb = str(one.asked.get("verb"))
        log.warning("operation.resumed", operation=verb, project=one.project)
        with one.held:
            try:
                await self._complete(one, verb)
            except Interrupted as error:
                log.info("operation.replaced", operation=verb, why=error.happened)
            except TabibError as error:
                log.error("operation.not_completed", operation=verb, why=str(error))
            except Exception:  # a bug here must not end the daemon
                log.exception("resume.bug", operation=verb, project=one.project)

    async def _complete(self, one: _CutOff, verb: str) -> None:
        tools, asked = self._tools, one.asked
        operation = Operation(tools.new_id(), verb, one.project, resumes=one.id)
        await close_cut_off(tools, one.project, operation)
        options = dict(asked.get("options") or {})
        services = tuple(asked.get("services") or ())
        model = await self._model(one)
        if verb == "up" and model is not None:
            wanted = {"project": model, "services": services, "by": asked["by"], **options}
            await up(tools, UpRequest(**wanted), operation)
        elif verb == "down":
            # Volumes are removed at a person's word alone, given again.
            down_request = DownRequest(project=model, services=services, **options)
            await down(tools, one.project, down_request, operation)
        elif verb in ("start", "stop", "restart"):
            # What was restarted already is not restarted again.
            again = "start" if verb == "restart" else verb
            request = ActionRequest(verb=again, services=services, options=options)
            await act(tools, one.project, request, operation)

    async def _model(self, one: _CutOff) -> Project | None:
        """The project as the operation had it; None where no release holds it."""
        tools = self._tools
        for release in await tools.journal.releases(tools.info.id, one.project, 20):
            if release.number == one.asked.get("release") and "adopted" not in release.model:
                return await open_project(release.model, tools.vault)
        return None
