"""Tells what people do by hand from failure, one engine event at a time.

A pure state function: the same event, history, own actions, facts and ``now`` give the same
verdict, whatever the order or the number of duplicates of the history. It never concludes from
one event what a later one may overturn: then it says ``needs_settling`` and names the time at
which to ask again with the history of then. docs/care.md has the rules; the
engine's real sequences are in ``tests/decide/recordings``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tabib.decide import removal
from tabib.decide.look import Look
from tabib.decide.timeline import SIGKILL, Timeline, is_ours, signals
from tabib.decide.verdict import (
    Kind,
    OwnAction,
    ProjectFacts,
    SlotFacts,
    TriageLimits,
    Verdict,
)
from tabib.model.event import Event

DEFAULT_LIMITS = TriageLimits()


def classify(
    event: Event,
    history: Iterable[Event],
    own_actions: Sequence[OwnAction],
    facts: ProjectFacts,
    now: datetime,
    limits: TriageLimits = DEFAULT_LIMITS,
) -> Verdict:
    """What ``event`` means for the project.

    :param history: recent events of the project (its containers and networks), in any order,
        with or without ``event``; five minutes are enough.
    :param own_actions: our own recent steps on the project's containers and networks.
    :param now: the present on the engine's clock.
    """
    line = Timeline.of([*history, event])
    slot = facts.slots.get((event.service, event.slot)) or SlotFacts(
        service=event.service, slot=event.slot, container=event.name
    )
    look = Look(
        event=event,
        line=line,
        own=own_actions,
        slot=slot,
        project=facts,
        now=now,
        limits=limits,
    )
    if is_ours(event, line, own_actions, now, limits):
        return look.says(Kind.IGNORE, "our own action")
    if event.kind == "network":
        return removal.network(look)
    if event.kind != "container":
        return look.says(Kind.IGNORE, "not a container's event")
    if event.oneoff:
        return look.says(Kind.IGNORE, "a one-off container (run)")
    if (event.service, event.slot) not in facts.slots:
        return look.says(Kind.IGNORE, "not a container of the release in care")
    return _by_action(look)


def _by_action(look: Look) -> Verdict:
    match look.event.action:
        case "die":
            return _death(look)
        case "stop":
            return _stopped(look)
        case "destroy":
            return removal.container(look)
        case "start":
            return _started(look)
        case "health_status":
            return _health(look)
        case "oom":
            return _oom(look)
        case action:
            return look.says(Kind.IGNORE, f"{action} asks for nothing")


# ── deaths ─────────────────────────────────────────────────────────────────────────────────────


def _death(look: Look) -> Verdict:
    line, event = look.line, look.event
    kills = line.kills(event)
    fatal = line.fatal_kills(event, look.limits.signal_window_s)
    stops = [e for e in line.until_next_start(event) if e.action == "stop"]
    if fatal or stops:
        verdict = _asked_to_die(look, stops)
    else:
        verdict = _own_stop_signal(look, kills) or _unasked_death(look)
    asked_at = (fatal or kills)[0].at if fatal or kills else None
    oom = _oom_seen(look)
    return replace(verdict, kill_signals=signals(kills), oom_event=oom, asked_at=asked_at)


def _oom_seen(look: Look) -> bool:
    line, event = look.line, look.event
    run = [*line.this_run(event), *line.until_next_start(event)]
    return any(e.action == "oom" for e in run)


def _asked_to_die(look: Look, stops: list[Event]) -> Verdict:
    """Somebody told the engine to end it: which of the ways of doing so was it?"""
    line, event, limits = look.line, look.event, look.limits
    if line.after(event, "destroy"):
        return look.says(Kind.IGNORE, "removed; its removal is judged by itself")
    if line.after(event, "start"):
        return look.says(Kind.IGNORE, "stopped and started again by hand (restart)")
    if line.holder((event.service, event.slot), event.id) is not None:
        return look.says(Kind.RECREATED_BY_OTHER, "another container takes over its slot")
    if stops:
        wait = look.settling(stops[-1].at, limits.stop_settle_s, "stopped: a restart may follow")
    else:
        wait = look.settling(
            event.at, limits.kill_settle_s, "killed through the engine: what follows tells why"
        )
    if wait is not None:
        return wait
    verb = "stopped" if stops else "killed"
    verdict = look.says(Kind.STOPPED_BY_HAND, f"{verb} by hand through the engine: stays stopped")
    return replace(verdict, halt="stopped")


def _own_stop_signal(look: Look, kills: list[Event]) -> Verdict | None:
    """Any signal may be the container's own stop signal: a ``stop`` event would follow at once."""
    since = look.event.at - timedelta(seconds=look.limits.signal_window_s)
    if not any(kill.at >= since for kill in kills):
        return None
    reason = "a signal was sent through the engine: was it a stop?"
    return look.settling(look.event.at, look.limits.stop_follows_s, reason)


def _unasked_death(look: Look) -> Verdict:
    line, event, slot = look.line, look.event, look.slot
    code = event.exit_code
    if slot.halted and not any(e.action == "start" for e in line.this_run(event)):
        return look.says(Kind.IGNORE, f"it is halted ({slot.halted}) and nobody started it")
    if line.holder((event.service, event.slot), event.id) is not None:
        return look.says(Kind.RECREATED_BY_OTHER, "another container holds its slot")
    if code == 0 and slot.job:
        verdict = look.says(Kind.FINISHED, "a job that exited with 0 is finished")
        return replace(verdict, halt="finished")
    if slot.engine_restarts:
        return _under_policy(look)
    if line.after(event, "start"):
        return look.says(Kind.RECOVERED, f"exited with {code} and was started again by hand")
    if code == 128 + SIGKILL and not _oom_seen(look):
        wait = look.settling(event.at, look.limits.oom_follows_s, "killed: was it for memory?")
        if wait is not None:
            return wait
    if code == 0:
        return look.says(Kind.EXITED_ZERO_SERVICE, "a service, not a job, exited with 0")
    return look.says(Kind.FAILED, f"exited with {code}; nobody asked the engine to end it")


def _under_policy(look: Look) -> Verdict:
    """The engine restarts it as written: look on, and see whether that helps."""
    line, event, slot, limits = look.line, look.event, look.slot, look.limits
    policy, code = slot.restart or "", event.exit_code
    if code == 0 and policy.startswith("on-failure"):
        return look.says(
            Kind.EXITED_ZERO_SERVICE, f"exited with 0; `restart: {policy}` leaves that alone"
        )
    deaths = line.deaths(event, limits.loop_window_s)
    if len(deaths) >= limits.loop_deaths:
        return look.says(
            Kind.RESTART_LOOP,
            f"{len(deaths)} deaths within {limits.loop_window_s:.0f} s under `restart: {policy}`",
        )
    if line.after(event, "start"):
        return look.says(Kind.ENGINE_RESTARTS_IT, f"restarted by the engine (`restart: {policy}`)")
    # The engine waits 0.1 s, doubled at each restart, at most a minute (its restart manager).
    delay_s = min(60.0, 0.1 * 2.0 ** len(deaths)) + limits.engine_slack_s
    decide_at = event.at + timedelta(seconds=delay_s)
    if look.now < decide_at:
        verdict = look.says(
            Kind.ENGINE_RESTARTS_IT, f"`restart: {policy}` is written: the engine's turn"
        )
        return replace(verdict, decide_at=decide_at)
    return look.says(Kind.FAILED, f"the engine has given up restarting it (`restart: {policy}`)")


def _stopped(look: Look) -> Verdict:
    """``stop`` follows ``die``: the two are one story, told by the death."""
    deaths = look.line.before(look.event, "die")
    if not deaths:
        wait = look.settling(look.event.at, look.limits.stop_settle_s, "stopped")
        if wait is not None:
            return wait
        if look.line.after(look.event, "start", "destroy"):
            return look.says(Kind.IGNORE, "stopped, then started or removed by hand")
        verdict = look.says(Kind.STOPPED_BY_HAND, "stopped by hand: stays stopped")
        return replace(verdict, halt="stopped")
    return _death(replace(look, event=deaths[-1]))


# ── what runs ──────────────────────────────────────────────────────────────────────────────────


def _started(look: Look) -> Verdict:
    line, event = look.line, look.event
    if line.after(event, "die", "destroy", "start"):
        return look.says(Kind.IGNORE, "what came later decides")
    # The engine starts what its policy says after a death that nobody asked for.
    deaths = line.before(event, "die")
    by_engine = (
        look.slot.engine_restarts
        and bool(deaths)
        and not line.fatal_kills(deaths[-1], look.limits.signal_window_s)
    )
    halt = None if by_engine else ""
    if look.slot.has_healthcheck:
        verdict = look.says(Kind.IGNORE, "started; its health check will tell")
        return replace(verdict, halt=halt)
    wait = look.settling(event.at, look.limits.stable_s, "started; is it going to stay up?")
    if wait is not None:
        return replace(wait, halt=halt)
    reason = f"started, and running for {look.limits.stable_s:.0f} s"
    return replace(look.says(Kind.RECOVERED, reason), halt=halt)


def _health(look: Look) -> Verdict:
    line, event = look.line, look.event
    health = event.attributes.get("health", "")
    if line.after(event, "health_status", "die", "destroy", "start"):
        return look.says(Kind.IGNORE, "what came later decides")
    if health == "healthy":
        return look.says(Kind.RECOVERED, "its health check passes")
    if health != "unhealthy":
        return look.says(Kind.IGNORE, f"health is {health or 'unknown'}")
    pauses = line.before(event, "pause", "unpause")
    if pauses and pauses[-1].action == "pause":
        return look.says(Kind.IGNORE, "it is paused by hand")
    if look.slot.halted:
        return look.says(Kind.IGNORE, f"it is halted ({look.slot.halted})")
    return look.says(Kind.UNHEALTHY, "it runs, and its health check fails")


def _oom(look: Look) -> Verdict:
    """An ``oom`` event tells of the group, not of the process: does the container die of it?"""
    line, event = look.line, look.event
    near = timedelta(seconds=look.limits.oom_settle_s)
    # The engine reports the two in either order.
    around = [*line.until_next_start(event), *line.this_run(event)]
    if any(e.action == "die" and abs(e.at - event.at) <= near for e in around):
        return look.says(Kind.IGNORE, "the container died of it; its death is judged by itself")
    wait = look.settling(event.at, look.limits.oom_settle_s, "out of memory: who was killed?")
    if wait is not None:
        return wait
    verdict = look.says(Kind.OOM_CHILD, "a process inside was killed for memory; it runs on")
    return replace(verdict, oom_event=True)
