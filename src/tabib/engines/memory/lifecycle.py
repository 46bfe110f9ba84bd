"""A container's states and the events between them, as Engine 20.10 goes through them.

Between ``die`` and the release of networks and volumes the engine holds the container's lock: a
list still says ``running``, an inspection waits. All of it was seen on the real engine; see
``docs/decisions/0003-by-hand-or-failure.md`` and ``tests/conformance``.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from tabib.engines.memory import health, refusals
from tabib.engines.memory.mounting import mount, unmount
from tabib.engines.memory.networking import attach, detach, reserve_ports
from tabib.engines.memory.program import Program
from tabib.engines.memory.records import ContainerRecord
from tabib.engines.memory.world import World
from tabib.model.container import LogLine

SIGKILL = 9
_EXIT_ON_SIGNAL = 128
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 60.0
_RESETS_BACKOFF_S = 10.0
_HARMLESS_SIGNALS = frozenset({1, 10, 12, 17, 18, 23, 28})


async def at_rest(world: World, record: ContainerRecord) -> None:
    """Wait as an inspection does, while the engine holds the container's lock."""
    await world.until(record, lambda: not record.busy)


async def start(world: World, record: ContainerRecord) -> None:
    """Start it, unless it runs.

    :raises Conflict: it is paused.
    :raises StartFailed: the network is gone, a port is taken, or the program cannot be started.
    """
    await world.until(record, lambda: not record.busy)
    if record.status == "paused":
        raise refusals.conflict("cannot start a paused container, try unpause instead", record)
    if record.status == "running":
        return
    record.life += 1
    record.stopped_by_hand = False
    record.restarts = 0
    record.backoff_s = _FIRST_BACKOFF_S
    try:
        await _launch(world, record)
    except refusals.Unstartable as refused:
        raise refused.error from None


async def _launch(world: World, record: ContainerRecord) -> None:
    """Bring the main process to life; leaves ``State.Error`` where that fails."""
    record.busy = "starting"
    life = record.life
    try:
        attach(world, record)
        reserve_ports(world, record)
        mount(world, record)
        await world.pause(world.latency.of("start_container", world.rng))
        program = world.programs.pick(record)
        if program.start_error:
            raise refusals.cannot_start(record, program.start_error, program.exit_code)
    except refusals.Unstartable as refused:
        record.error, record.exit_code = refused.said, refused.exit_code
        if record.status == "restarting":
            record.status = "exited"
        detach(world, record)
        unmount(world, record, silent=True)
        raise
    finally:
        record.busy = ""
        world.changed(record)
    if record.life == life and record.id in world.containers:
        _alive(world, record, program)


def _alive(world: World, record: ContainerRecord, program: Program) -> None:
    record.program = program
    record.status = "running"
    record.error = ""
    record.exit_code = 0
    record.oom_killed = False
    record.started_at = world.clock.now()
    world.emit(record, "start")
    _script(world, record, program)
    health.begin(world, record)
    world.changed(record)


def _script(world: World, record: ContainerRecord, program: Program) -> None:
    """Set the timers of what the program does by itself."""
    life = record.life
    assert record.started_at is not None
    for entry in program.log:
        after_s, stream, text = _log_entry(entry)
        if after_s <= 0:
            record.logs.append(LogLine(stream=stream, text=text, at=record.started_at))
        else:
            world.after(after_s, partial(_say, world, record, life, stream, text))
    if program.oom_after_s is not None:
        world.after(program.oom_after_s, lambda: _oom(world, record, life))
    if program.after_s is not None:
        code = program.exit_code
        world.after(program.after_s, lambda: _exit(world, record, life, code))


def _log_entry(entry: str | tuple[float, str] | tuple[float, str, str]) -> tuple[float, str, str]:
    if isinstance(entry, str):
        return 0.0, "stdout", entry
    if len(entry) == 2:
        return entry[0], "stdout", entry[1]
    return entry


def _say(world: World, record: ContainerRecord, life: int, stream: str, text: str) -> None:
    if record.life == life and record.alive:
        record.logs.append(LogLine(stream=stream, text=text, at=world.clock.now()))
        world.changed(record)


def _oom(world: World, record: ContainerRecord, life: int) -> None:
    if record.life != life or not record.alive:
        return
    world.emit(record, "oom")
    if not record.program.oom_child:
        record.oom_killed = True
        die(world, record, _EXIT_ON_SIGNAL + SIGKILL)


def _exit(world: World, record: ContainerRecord, life: int, code: int) -> None:
    if record.life == life and record.alive:
        die(world, record, code)


def die(world: World, record: ContainerRecord, exit_code: int) -> None:
    """Its main process has ended: ``die`` now, the new state once its resources are let go."""
    record.life += 1
    life = record.life
    ended_at = world.clock.now()
    record.busy = "dying"
    health.end(record)
    world.emit(record, "die", exitCode=str(exit_code))
    teardown_s = world.latency.teardown_s
    world.after(teardown_s, lambda: _settle(world, record, life, exit_code, ended_at))


def _settle(
    world: World, record: ContainerRecord, life: int, exit_code: int, ended_at: datetime
) -> None:
    if record.life != life or record.id not in world.containers:
        return
    detach(world, record)
    unmount(world, record)
    record.busy = ""
    record.exit_code = exit_code
    record.finished_at = ended_at
    if _restarts(record, exit_code):
        record.status = "restarting"
        record.restarts += 1
        ran_s = (ended_at - record.started_at).total_seconds() if record.started_at else 0.0
        if ran_s >= _RESETS_BACKOFF_S:
            record.backoff_s = _FIRST_BACKOFF_S
        wait_s = record.backoff_s
        record.backoff_s = min(record.backoff_s * 2, _LONGEST_BACKOFF_S)
        world.after(wait_s, lambda: _restart_by_policy(world, record, life))
    else:
        record.status = "exited"
    world.changed(record)


def vanish(world: World, record: ContainerRecord) -> None:
    """It ended together with the engine: no event, no restart."""
    record.life += 1
    record.busy = ""
    record.status, record.exit_code = "exited", _EXIT_ON_SIGNAL + SIGKILL
    record.finished_at = world.clock.now()
    health.end(record)
    for attachment in record.attachments:
        network = world.networks.get(attachment.network_id)
        if network is not None:
            network.active.discard(record.id)
        attachment.live = False
    record.bound = {}
    world.changed(record)


def _restarts(record: ContainerRecord, exit_code: int) -> bool:
    if record.stopped_by_hand:
        return False
    if record.restart in ("always", "unless-stopped"):
        return True
    if record.restart != "on-failure" or exit_code == 0:
        return False
    return record.max_retries == 0 or record.restarts < record.max_retries


def _restart_by_policy(world: World, record: ContainerRecord, life: int) -> None:
    if record.life == life and record.status == "restarting":
        world.background(_policy_launch(world, record))


async def _policy_launch(world: World, record: ContainerRecord) -> None:
    try:
        await _launch(world, record)
    except refusals.Unstartable:
        pass  # the engine gives up: its State.Error tells


async def stop(
    world: World, record: ContainerRecord, timeout_s: float | None = None, signal: int | None = None
) -> None:
    """``kill`` with the stop signal, after the grace with 9, ``die``, ``stop``.

    Does nothing where it does not run.     A negative ``timeout_s`` waits for ever.
    """
    await world.until(record, lambda: record.busy != "starting")
    if record.status == "restarting":
        record.life += 1
        record.stopped_by_hand = True
        record.status = "exited"
        world.emit(record, "stop")
        world.changed(record)
        return
    if not record.alive:
        await world.until(record, lambda: not record.busy)
        return
    record.stopped_by_hand = True
    grace_s = record.stop_timeout_s if timeout_s is None else timeout_s
    life = record.life
    _signal(world, record, record.stop_signal if signal is None else signal)
    if record.status == "paused":
        await unpause(world, record)
    if grace_s >= 0:
        world.after(max(grace_s, 0.01), lambda: _lose_patience(world, record, life))
    await world.until(record, lambda: record.life != life and not record.busy)
    world.emit(record, "stop")


def _lose_patience(world: World, record: ContainerRecord, life: int) -> None:
    if record.life == life and record.alive:
        _signal(world, record, SIGKILL)


async def kill(world: World, record: ContainerRecord, signal: int = SIGKILL) -> None:
    """``kill``, and with a signal that ends it ``die``.

    :raises Conflict: it is not running.
    """
    await world.until(record, lambda: not record.busy)
    if not record.alive:
        raise refusals.not_running(record, f"Cannot kill container: {record.name}: ")
    record.stopped_by_hand = signal not in _HARMLESS_SIGNALS or record.stopped_by_hand
    life = record.life
    _signal(world, record, signal)
    if signal == SIGKILL:
        await world.until(record, lambda: record.life != life and not record.busy)


def _signal(world: World, record: ContainerRecord, number: int) -> None:
    """Send a signal, and let the program react to it."""
    world.emit(record, "kill", signal=str(number))
    life = record.life
    if number == SIGKILL:
        delay_s, code = world.latency.kill_s, _EXIT_ON_SIGNAL + SIGKILL
    elif number in _HARMLESS_SIGNALS or record.program.ignores_sigterm:
        return
    else:
        delay_s, code = record.program.term_after_s, record.program.term_exit_code
    world.after(delay_s, lambda: _exit(world, record, life, code))


async def pause(world: World, record: ContainerRecord) -> None:
    """:raises Conflict: it does not run, or is paused."""
    await world.until(record, lambda: not record.busy)
    if record.status == "paused":
        raise refusals.conflict(f"Container {record.id} is already paused", record)
    if not record.alive:
        raise refusals.not_running(record)
    record.status = "paused"
    world.emit(record, "pause")


async def unpause(world: World, record: ContainerRecord) -> None:
    """:raises Conflict: it is not paused."""
    if record.status != "paused":
        raise refusals.conflict(f"Container {record.id} is not paused", record, status=500)
    record.status = "running"
    world.emit(record, "unpause")
