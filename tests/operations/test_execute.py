"""The one place that applies plans: announced, done, recorded; failing, stopped, out of room."""

from __future__ import annotations

from typing import Any

import pytest

from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import MemoryEngine, Program
from tabib.model.container import ContainerSpec, VolumeSpec
from tabib.model.errors import Bug, EngineError, Interrupted, StateUnusable
from tabib.model.plan import Plan, Step, Verb
from tabib.model.release import JournalEntry
from tabib.operations.execute import PARALLEL_CALLS, Execution, execute
from tabib.operations.operation import Operation

REFUSED = EngineError("no", attempted="do", target="it")


def volume(name: str, *after: str, optional: bool = False) -> Step:
    return Step(
        id=name,
        verb=Verb.CREATE_VOLUME,
        subject=f"volume {name}",
        reason="test",
        target=name,
        after=after,
        optional=optional,
        volume=VolumeSpec(name=name),
    )


def container(name: str) -> tuple[Step, Step, Step]:
    create = Step(
        id=f"create:{name}",
        verb=Verb.CREATE_CONTAINER,
        subject=name,
        reason="test",
        target=name,
        container=ContainerSpec(
            name=name, project="p", service_name=name, slot=1, image="busybox:1.36",
            network_mode="none", service={"environment": {"PASSWORD": "hunter2hunter2"}},
        ),
    )  # fmt: skip
    start = Step(
        id=f"start:{name}", verb=Verb.START_CONTAINER, subject=name, reason="test", target=name,
        after=(create.id,),
    )  # fmt: skip
    wait = Step(
        id=f"wait:{name}", verb=Verb.WAIT, subject=name, reason="test", target=name,
        after=(start.id,), options={"condition": "ready"},
    )  # fmt: skip
    return create, start, wait


async def run(daemon: Daemon, *steps: Step, operation: Operation | None = None) -> Execution:
    operation = operation or daemon.operation("test", "p")
    return await execute(daemon.tools, Plan(project="p", steps=steps), operation)


def states(execution: Execution) -> dict[str, str]:
    return {name: outcome.state for name, outcome in execution.outcomes.items()}


@story
async def test_intent_before_and_outcome_after_each_step(house: House) -> None:
    async with house.daemon() as daemon:
        made: list[int] = []
        house.world.faults.slow(1.0, verb="create_volume")
        daemon.listen(lambda event: made.append(event.time_ns))
        execution = await run(daemon, volume("one"), volume("two", "one"))
        assert states(execution) == {"one": "done", "two": "done"}
        entries = await daemon.entries("intent", "outcome")
        told = [(one.kind, one.data["step"]) for one in entries]
        assert told == [
            ("intent", "one"),
            ("outcome", "one"),
            ("intent", "two"),
            ("outcome", "two"),
        ]
        for position, name in ((0, "one"), (2, "two")):
            born = next(e for e in house.world.events.log if e.name == name)
            assert entries[position].at < born.at <= entries[position + 1].at


@story
async def test_the_journal_never_holds_what_a_container_is_made_of(house: House) -> None:
    async with house.daemon() as daemon:
        await run(daemon, *container("web"))
        assert "hunter2" not in str(await daemon.entries())


@story
async def test_a_failure_skips_what_depends_on_it_and_nothing_else(house: House) -> None:
    house.world.faults.fail(REFUSED, verb="create_volume", target="bad")
    steps = [volume("bad"), volume("after", "bad"), volume("later", "after"), volume("good")]
    async with house.daemon() as daemon:
        execution = await run(daemon, *steps)
        assert states(execution) == {
            "bad": "failed", "after": "skipped", "later": "skipped", "good": "done",
        }  # fmt: skip
        with pytest.raises(EngineError) as caught:
            execution.raise_first(Plan(project="p", steps=tuple(steps)), "up")
        assert caught.value.details["failed_steps"] == ["bad"]
        intents = [one.data["step"] for one in await daemon.entries("intent")]
        assert sorted(intents) == ["bad", "good"]


@story
async def test_the_failure_of_an_optional_step_is_told_and_fails_nothing(house: House) -> None:
    house.world.faults.fail(REFUSED, verb="create_volume", target="bad")
    steps = [volume("bad", optional=True), volume("after", "bad")]
    async with house.daemon() as daemon:
        execution = await run(daemon, *steps)
        assert states(execution) == {"bad": "failed", "after": "done"}
        execution.raise_first(Plan(project="p", steps=tuple(steps)), "up")
        outcome = (await daemon.entries("outcome"))[0]
        assert outcome.data["error"]["happened"] == "no"


@story
async def test_asked_to_stop_it_finishes_what_runs_and_begins_nothing(house: House) -> None:
    async with house.daemon() as daemon:
        operation = daemon.operation("test", "p")
        house.world.faults.slow(1.0, verb="create_volume", target="slow")

        async def ask() -> None:
            await daemon.passes(0.5)
            operation.stop()

        steps = [volume("slow"), volume("next", "slow"), *container("web")]
        house.world.programs.set(Program(healthy_after_s=None), service="web")
        daemon.site.care._group.create_task(ask())
        execution = await run(daemon, *steps, operation=operation)
        found = states(execution)
        assert (found["slow"], found["next"]) == ("done", "stopped")
        assert found["wait:web"] in ("done", "stopped")
        assert "slow" in house.world.volumes
        assert "next" not in house.world.volumes
        with pytest.raises(Interrupted):
            execution.raise_first(Plan(project="p", steps=tuple(steps)), "up")


class FullDisk:
    """A journal whose disk is full from the ``last``-th append on."""

    def __init__(self, journal: Any, last: int) -> None:
        self._journal = journal
        self._left = last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def append(self, *entries: JournalEntry) -> int:
        if self._left <= 0:
            raise StateUnusable("full", details={"code": "full"})
        self._left -= 1
        return int(await self._journal.append(*entries))


@pytest.mark.parametrize("room", range(6))
def test_without_room_in_the_journal_nothing_is_done_that_is_not_announced(
    house: House, room: int
) -> None:
    async def told() -> None:
        async with house.daemon() as daemon:
            house.world.faults.slow(1.0, verb="create_volume", target="a")
            steps = [volume("a"), volume("b", "a"), volume("c"), *container("web")]
            daemon.tools.journal = FullDisk(daemon.tools.journal, room)
            with pytest.raises(StateUnusable):
                await run(daemon, *steps)
            announced = {one.data["target"] for one in await daemon.entries("intent")}
            made = {name for name in house.world.volumes if name in "abc"}
            made |= {one.name for one in house.world.containers.values()}
            assert made == announced, "what was announced was finished, and nothing else begun"
            assert all(one.ended_at for one in daemon.tools.actions.recent)

    house.run(told())


@story
async def test_no_more_calls_at_once_than_are_of_use(house: House) -> None:
    async with house.daemon() as daemon:
        house.world.faults.slow(1.0, verb="create_volume")
        began = house.clock.monotonic()
        await run(daemon, *(volume(f"v{n}") for n in range(PARALLEL_CALLS * 2 + 1)))
        assert house.clock.monotonic() - began == pytest.approx(3.0, abs=0.2)


@story
async def test_an_unexpected_exception_becomes_a_bug_and_ends_nothing_else(house: House) -> None:
    async with house.daemon() as daemon:
        engine = daemon.tools.engine
        assert isinstance(engine, MemoryEngine)
        daemon.tools.engine = Broken(engine)
        execution = await run(daemon, volume("broken"), volume("good"))
        assert states(execution) == {"broken": "failed", "good": "done"}
        error = execution.outcomes["broken"].error
        assert error is not None
        assert error["kind"] == Bug.kind
        assert "ZeroDivisionError" in error["happened"]


class Broken:
    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def apply(self, step: Step, **options: Any) -> Any:
        if step.id == "broken":
            raise ZeroDivisionError
        return await self._engine.apply(step, **options)
