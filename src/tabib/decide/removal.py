"""Triage of removals: a project taken down, a container put away, or one torn out of a project."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tabib.decide.look import Look
from tabib.decide.verdict import Kind, SlotKey, Verdict
from tabib.model.event import Event

_TAKEDOWN_WINDOW = timedelta(seconds=60)
"""Slots whose container went this long before the latest removal went in the same sweep."""


def container(look: Look) -> Verdict:
    """Judge ``destroy``: intent after a stop or with the whole project, else drift."""
    key = (look.event.service, look.event.slot)
    holder = look.line.holder(key, look.event.id)
    if holder is not None:
        if look.is_own(holder):
            return look.says(Kind.IGNORE, "replaced by our own container")
        return look.says(Kind.RECREATED_BY_OTHER, "another container took over its slot")
    if look.slot.halted == "finished" or _finished(look):
        return look.says(Kind.IGNORE, "a finished job was cleared away")
    gone = _taken_down(look)
    if gone:
        return replace(look.says(Kind.PROJECT_TAKEN_DOWN, gone), halt="removed")
    since = _latest_removal(look)
    wait = look.settling(since, look.limits.removal_settle_s, "removed: does more of it go?")
    if wait is not None:
        return wait
    why = _stopped_before(look)
    if why:
        reason = f"removed by hand after {why}: intent"
        return replace(look.says(Kind.REMOVED_BY_HAND_AFTER_STOP, reason), halt="removed")
    reason = (
        "removed while it was meant to run: no stop came before, and the project's network and "
        "other containers stand"
    )
    if _alone(look):
        # With a single container, `all containers removed` would be true of any removal.
        reason = "removed while it was meant to run: no stop came before, and the network stands"
    return look.says(Kind.DRIFT_REMOVED, reason)


def network(look: Look) -> Verdict:
    """Judge a network's event: only the removal of the project's own network says something."""
    event = look.event
    if event.action != "destroy" or event.name not in look.project.networks:
        return look.says(Kind.IGNORE, "a network's everyday life")
    if look.line.events and any(
        e.kind == "network" and e.action == "create" and e.name == event.name
        for e in look.line.events
        if e.time_ns > event.time_ns
    ):
        return look.says(Kind.IGNORE, "the network was created anew")
    # A network can be pruned from under containers that crashed: those are still to be treated.
    standing = [key for key in look.project.slots if look.line.destroyed(key) is None]
    if any(not look.project.slots[key].halted for key in standing):
        return look.says(Kind.IGNORE, "a network was removed; containers of the project stand")
    reason = f"network {event.name} was removed and nothing of the project runs (compose down)"
    return replace(look.says(Kind.PROJECT_TAKEN_DOWN, reason), halt="removed")


# ── what happened before ───────────────────────────────────────────────────────────────────────


def _finished(look: Look) -> bool:
    deaths = look.line.before(look.event, "die")
    return look.slot.job and bool(deaths) and deaths[-1].exit_code == 0


def _stopped_before(look: Look) -> str:
    """How somebody stopped it before removing it; empty where nobody did."""
    if look.slot.halted:
        return f"it was {look.slot.halted}"
    line, event = look.line, look.event
    run = line.this_run(event)
    if any(e.action == "stop" for e in run):
        return "a stop"
    deaths = [e for e in run if e.action == "die"]
    if not deaths or not line.fatal_kills(deaths[-1], look.limits.signal_window_s):
        return ""
    # `rm -f` kills and removes in one go (60 ms); a kill that was left alone before the removal
    # was a stop of its own.
    gap = event.at - deaths[-1].at
    return "a kill" if gap > timedelta(seconds=look.limits.kill_settle_s) else ""


def _wanted(look: Look) -> list[SlotKey]:
    """Slots that ran before the sweep: by the record, or because they went with it."""
    recent = look.event.at - _TAKEDOWN_WINDOW
    wanted = []
    for key, slot in look.project.slots.items():
        removal = look.line.destroyed(key)
        went = removal is not None and removal.at >= recent
        if slot.last_running or went:
            wanted.append(key)
    return wanted


def _alone(look: Look) -> bool:
    return len(_wanted(look)) < 2


def _taken_down(look: Look) -> str:
    """Why the whole project counts as taken down; empty where it does not."""
    removals = {key: look.line.destroyed(key) for key in _wanted(look)}
    if any(removal is None for removal in removals.values()):
        return ""
    for other in look.line.events:
        if _network_gone(look, other) and not look.is_own(other):
            return f"all containers and network {other.name} were removed (compose down)"
    people = [e for e in removals.values() if e is not None and not look.is_own(e)]
    if len(people) >= 2:
        return f"all {len(removals)} containers of the project were removed together"
    return ""


def _network_gone(look: Look, event: Event) -> bool:
    return (
        event.kind == "network"
        and event.action == "destroy"
        and event.name in look.project.networks
        and event.at >= look.event.at - _TAKEDOWN_WINDOW
    )


def _latest_removal(look: Look) -> datetime:
    """The project's latest removal: each further one may be part of the same sweep."""
    removals = [
        e.at
        for e in look.line.events
        if e.kind == "container"
        and e.action == "destroy"
        and e.time_ns >= look.event.time_ns
        and not e.oneoff
        and not look.is_own(e)
    ]
    return max(removals, default=look.event.at)
