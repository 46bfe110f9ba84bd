"""Health checks of the memory engine, on the world's time."""

from __future__ import annotations

from tabib.engines.memory import shell
from tabib.engines.memory.records import ContainerRecord, Health
from tabib.engines.memory.world import World

_KEPT = 5
"""The engine keeps this many results."""


def begin(world: World, record: ContainerRecord) -> None:
    """The container has started: its check begins anew."""
    check = record.health
    if check is None:
        return
    check.status, check.streak = "starting", 0
    check.log.clear()
    _next(world, record, record.life)


def end(record: ContainerRecord) -> None:
    """The container ended; the engine then shows ``unhealthy`` for what was not yet healthy."""
    if record.health is not None:
        record.health.status = "unhealthy"


def _next(world: World, record: ContainerRecord, life: int) -> None:
    assert record.health is not None
    world.after(record.health.interval_s, lambda: _probe(world, record, life))


def _probe(world: World, record: ContainerRecord, life: int) -> None:
    check = record.health
    if check is None or record.life != life or record.status not in ("running", "paused"):
        return
    if record.status == "paused":
        _next(world, record, life)
        return
    world.events.probe_noise()
    passes, output, took_s = _outcome(world, record, check)
    world.after(took_s, lambda: _judge(world, record, life, (passes, output)))


def _outcome(world: World, record: ContainerRecord, check: Health) -> tuple[int, str, float]:
    """(exit code, output, seconds it takes)"""
    program = record.program
    if record.health_override is not None:
        return (0, "", 0.0) if record.health_override else (1, "made unhealthy", 0.0)
    if program.hangs:
        text = f"Health check exceeded timeout ({check.timeout_s:g}s)"
        return -1, text, check.timeout_s
    assert record.started_at is not None
    ran_s = (world.clock.now() - record.started_at).total_seconds()
    if program.healthy_after_s is None or ran_s < program.healthy_after_s:
        return 1, "not ready", 0.0
    if program.unhealthy_after_s is not None and ran_s >= program.unhealthy_after_s:
        return 1, "failing", 0.0
    argv = check.test[1:] if check.test[0] == "CMD" else ("sh", "-c", *check.test[1:])
    result = shell.run(record, argv, "")
    return result.exit_code, (result.stdout + result.stderr).decode("utf-8", "replace"), 0.0


def _judge(world: World, record: ContainerRecord, life: int, outcome: tuple[int, str]) -> None:
    check = record.health
    if check is None or record.life != life or not record.alive:
        return
    code, output = outcome
    now = world.clock.now()
    check.log.append({"Start": now, "End": now, "ExitCode": code, "Output": output})
    del check.log[:-_KEPT]
    before = check.status
    if code == 0:
        check.streak, check.status = 0, "healthy"
    else:
        _count_failure(world, record, check)
    if check.status != before:
        world.emit(record, "health_status", health=check.status)
        world.changed(record)
    _next(world, record, life)


def _count_failure(world: World, record: ContainerRecord, check: Health) -> None:
    """A failure counts, unless it falls into the start period of what was never healthy."""
    assert record.started_at is not None
    ran_s = (world.clock.now() - record.started_at).total_seconds()
    if check.status == "starting" and ran_s < check.start_period_s:
        return
    check.streak += 1
    if check.streak >= check.retries:
        check.status = "unhealthy"
