"""Chooses what to do about a case: within a budget, backed off, verified, or not at all.

The rules are those of docs/safety.md and docs/care.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tabib.decide.diagnose import BY_CODE, restart_helps
from tabib.decide.treat_data import about_data
from tabib.decide.treatments import DOES_NOTHING as DOES_NOTHING
from tabib.decide.treatments import NEW_RELEASE as NEW_RELEASE
from tabib.decide.treatments import RUNS_ON as RUNS_ON
from tabib.decide.treatments import SPENDS as SPENDS
from tabib.decide.treatments import Action as Action
from tabib.decide.treatments import CarePolicy as CarePolicy
from tabib.decide.treatments import Decision as Decision
from tabib.decide.treatments import Explained as Explained
from tabib.decide.treatments import Patient as Patient
from tabib.decide.verdict import Kind, SlotFacts
from tabib.model.incident import Case, Cause, Treatment

DEFAULT_POLICY = CarePolicy()


def treat(
    case: Case,
    causes: tuple[Cause, ...],
    patient: Patient,
    now: datetime,
    policy: CarePolicy = DEFAULT_POLICY,
) -> Decision:
    """The decision. Pure; ``now`` on the same clock as the history's times."""
    slot = patient.slot
    if slot.mode == "observe":
        return _leave("care is `observe`: tabib only looks", needs_human=True)
    data = about_data(patient, now)
    if data is not None and (data.action is not Action.RESTORE or slot.halted):
        return _as_halted(data, slot)
    if slot.halted:
        return _leave(f"it is halted ({slot.halted}): only a person starts it again")
    if data is not None:
        decision = _restore(data, patient, now, policy)
    else:
        # Sound data: what its log says of damage is no cause any more.
        causes = () if patient.damage is not None else causes
        decision = _reasons_to_leave(patient) or _act(case, causes, patient, now, policy)
    if slot.mode == "advise" and decision.action not in DOES_NOTHING:
        return replace(
            decision,
            action=Action.OFFER,
            reason=f"care is `advise`; {decision.reason}",
            proposed=decision.action,
            not_before=None,
            verify="",
            needs_human=True,
        )
    return decision


def _as_halted(data: Decision, slot: SlotFacts) -> Decision:
    """Data of what shall not run is offered at most: it is started at a person's word alone."""
    if data.action is not Action.RESTORE:
        return data
    reason = f"it is halted ({slot.halted}); {data.reason}"
    return replace(
        data, action=Action.OFFER, reason=reason, proposed=Action.RESTORE, needs_human=True
    )


def _restore(data: Decision, patient: Patient, now: datetime, policy: CarePolicy) -> Decision:
    """A restore within the budget."""
    done = spent(patient.history, now, policy)
    against = ""
    if patient.slot.restart == "no":
        against = '`restart: "no"` is written: it is left, and reported'
    elif len(done) >= policy.budget:
        against = f"{len(done)} treatments did not help: the budget is spent"
    if against:
        reason = f"{data.reason}; not done: {against}"
        return replace(
            data, action=Action.OFFER, reason=reason, proposed=Action.RESTORE, needs_human=True
        )
    decision = replace(data, not_before=now, attempt=len(done) + 1)
    return verified_by(decision, patient.slot, policy)


def spent(history: Sequence[Treatment], now: datetime, policy: CarePolicy) -> list[Treatment]:
    """Treatments that count against the budget at ``now``, oldest first."""
    since = now - timedelta(seconds=policy.budget_window_s)
    counted = {action.value for action in SPENDS}
    done = [t for t in history if t.action in counted and t.started_at > since]
    return sorted(done, key=lambda treatment: treatment.started_at)


def backoff_s(attempt: int, policy: CarePolicy) -> float:
    """Seconds to wait after the previous treatment; ``attempt`` counts from 1."""
    if attempt <= 1:
        return 0.0
    return min(policy.backoff_max_s, policy.backoff_first_s * 2.0 ** min(attempt - 2, 32))


# ── leave it ───────────────────────────────────────────────────────────────────────────────────


def _leave(reason: str, *, needs_human: bool = False) -> Decision:
    return Decision(action=Action.NONE, reason=reason, needs_human=needs_human)


def _offer(action: Action, reason: str) -> Decision:
    return Decision(action=Action.OFFER, reason=reason, proposed=action, needs_human=True)


_BY_HAND = {Kind.DRIFT_REMOVED: Action.RECREATE, Kind.DETACHED: Action.RECONNECT}


def _reasons_to_leave(patient: Patient) -> Decision | None:
    kind, slot = patient.verdict.kind, patient.slot
    if kind is Kind.UNKNOWN_EXIT:
        return _offer(Action.START, "nobody saw whether it was stopped by hand or failed")
    if kind is Kind.UNKNOWN_REMOVAL:
        return _offer(Action.RECREATE, "nobody saw whether it was removed on purpose")
    if slot.restart == "no":
        action = _BY_HAND.get(kind, Action.START)
        return _offer(action, '`restart: "no"` is written: it is left, and reported')
    if kind is Kind.EXITED_ZERO_SERVICE and slot.engine_restarts:
        return _leave(f"it exited with 0, and `restart: {slot.restart}` leaves that alone")
    if kind is Kind.OOM_CHILD:
        return _leave("it runs on; a restart is due only if its health check fails")
    if kind is Kind.ENGINE_RESTARTS_IT:
        return _leave(f"`restart: {slot.restart}` is written: the engine restarts it")
    return None


def _incurable(causes: tuple[Cause, ...], kind: Kind) -> Decision | None:
    if kind in (Kind.RESTART_LOOP, Kind.DRIFT_REMOVED) or _cured_anew(causes):
        return None
    if restart_helps(causes):
        return None
    rule = BY_CODE[causes[0].code]
    return _leave(f"a restart cannot cure this. {rule.explain}", needs_human=True)


def _cured_anew(causes: tuple[Cause, ...]) -> bool:
    return bool(causes) and causes[0].code == "network.missing"


# ── more than a restart ────────────────────────────────────────────────────────────────────────

_FULL = frozenset({"storage.full", "storage.engine-root-full"})
_NOT_OF_A_RELEASE = frozenset(
    {
        *("exit.killed", "config.drift", "config.name-conflict", "memory.host-oom"),
        *("network.missing", "network.disconnected", "database.corrupt", "database.lock-file"),
        *("storage.full", "storage.engine-root-full", "storage.inodes-full", "storage.io-error"),
        *("storage.log-flood", "image.registry-unreachable", "image.rate-limit"),
    }
)
_NOT_OF_A_RELEASE_FAMILIES = frozenset({"engine", "clock", "node", "tls"})


def _cure(
    case: Case, causes: tuple[Cause, ...], patient: Patient, now: datetime, policy: CarePolicy
) -> tuple[Action, str] | None:
    """What helps where a plain restart does not (or only for a while), and why."""
    code = causes[0].code if causes else ""
    more = patient.raisable
    if more is not None:
        return Action.RAISE_LIMIT, (
            f"its {more.limit} limit is too low ({code}), and x-tabib.limits allows more: "
            f"{_amount(more.limit, more.before)} → {_amount(more.limit, more.after)}"
        )
    if case.missing_networks and patient.verdict.kind in (Kind.UNHEALTHY, Kind.DETACHED):
        names = ", ".join(case.missing_networks)
        return Action.RECONNECT, f"it runs, and is not attached to its network: {names}"
    if code == "process.zombies" and not _done(patient, Action.ADD_INIT):
        return Action.ADD_INIT, "nothing reaps the processes that its own leave behind"
    if code == "storage.log-flood" and not _done(patient, Action.ROTATE_LOG):
        return Action.ROTATE_LOG, "its log grows without bound"
    if code in _FULL and not _recently(patient, Action.FREE_SPACE, now, policy):
        return Action.FREE_SPACE, (
            "no space is left: images that nothing uses and the build cache go, never volumes"
        )
    return None


def _amount(limit: str, number: int) -> str:
    return f"{number / 1_048_576:.0f} MiB" if limit == "memory" else str(number)


def _done(patient: Patient, action: Action) -> bool:
    """Whether that was tried already, since a person last started it."""
    return any(one.action == action for one in patient.history)


def _recently(patient: Patient, action: Action, now: datetime, policy: CarePolicy) -> bool:
    since = now - timedelta(seconds=policy.budget_window_s)
    return any(one.action == action and one.started_at > since for one in patient.history)


def _goes_back(
    case: Case, causes: tuple[Cause, ...], patient: Patient, policy: CarePolicy
) -> tuple[Action, str] | None:
    """Back to the last good release, where the trouble began with this one and a restart does not
    cure it: the cause tells, or it was tried."""
    facts = patient.release
    code = causes[0].code if causes else ""
    if facts is None or facts.former is None or not facts.began_with_it(case.sealed_at):
        return None
    if code in _NOT_OF_A_RELEASE or code.partition(".")[0] in _NOT_OF_A_RELEASE_FAMILIES:
        return None
    tried = [one for one in patient.history if one.started_at >= facts.created_at]
    # One that only began was cut off by a death of tabib's.
    if any(one.action == Action.ROLLBACK and one.outcome != "started" for one in tried):
        return None
    in_vain = any(
        one.action in SPENDS and one.outcome in ("not_verified", "failed", "verified")
        for one in tried
    )
    if not (in_vain or patient.verdict.kind is Kind.RESTART_LOOP or not restart_helps(causes)):
        return None
    what = " and ".join(facts.changed)
    return Action.ROLLBACK, (
        f"it began with release {facts.number}, which changed its {what}, and a restart does not "
        f"cure it: back to release {facts.former}"
    )


# ── act ────────────────────────────────────────────────────────────────────────────────────────


def _act(
    case: Case,
    causes: tuple[Cause, ...],
    patient: Patient,
    now: datetime,
    policy: CarePolicy,
) -> Decision:
    waiting = (
        _while_in_use(causes, patient, now, policy)
        or _healed_first(patient, now, policy)
        or _dependency(case, causes, patient.verdict.kind, now, policy)
    )
    if waiting is not None:
        return waiting
    kind = patient.verdict.kind
    if kind is Kind.UNHEALTHY and (holder := _holder(case, causes)):
        return _freed(holder, patient, now, policy)
    other = _goes_back(case, causes, patient, policy)
    if other is not None and patient.release is not None and patient.release.refused:
        if not restart_helps(causes):
            return _offer(other[0], f"{other[1]}; not done: {patient.release.refused}")
        other = None
    other = other or _cure(case, causes, patient, now, policy)
    if other is None:
        incurable = _incurable(causes, kind)
        if incurable is not None:
            return incurable
    if kind is Kind.RESTART_LOOP and other is None:
        return _quarantine("the engine's own restarts did not help: restart loop", now)
    done = spent(patient.history, now, policy)
    if len(done) >= policy.budget:
        hours = policy.budget_window_s / 3600
        return _quarantine(
            f"{len(done)} treatments within {hours:g} h did not help: the budget is spent", now
        )
    action, reason = other or _remedy(case, causes, kind)
    return _next(action, reason, done, patient, now, policy)


def _next(
    action: Action,
    reason: str,
    done: Sequence[Treatment],
    patient: Patient,
    now: datetime,
    policy: CarePolicy,
) -> Decision:
    """The action as the next one within the budget, backed off."""
    attempt = len(done) + 1
    not_before = now
    if done:
        last = max(t.ended_at or t.started_at for t in done)
        not_before = max(now, last + timedelta(seconds=backoff_s(attempt, policy)))
        reason = f"{reason} (attempt {attempt} of {policy.budget})"
    decision = Decision(action=action, reason=reason, not_before=not_before, attempt=attempt)
    return verified_by(decision, patient.slot, policy)


def _freed(holder: str, patient: Patient, now: datetime, policy: CarePolicy) -> Decision:
    """A restart of this one would free nothing, so who holds it is restarted; once is enough to
    know whether that helps."""
    done = spent(patient.history, now, policy)
    reason = f"{holder} holds what it lacks: a restart of this one frees nothing"
    if len(done) >= policy.budget or any(one.before.get("service") == holder for one in done):
        return _leave(f"{reason}, and {holder} was restarted in vain", needs_human=True)
    decision = _next(
        Action.RESTART, f"{reason}, so {holder} is restarted", done, patient, now, policy
    )
    return replace(decision, service=holder)


def _remedy(case: Case, causes: tuple[Cause, ...], kind: Kind) -> tuple[Action, str]:
    if _cured_anew(causes):
        return Action.RECREATE, "what it is attached to is gone: both are created anew"
    if case.trigger == "start_failed" and not case.container_id:
        return Action.RECREATE, "it could not be created and is meant to run"
    match kind:
        case Kind.DRIFT_REMOVED:
            return Action.RECREATE, "it was removed while it was meant to run"
        case Kind.UNHEALTHY:
            return Action.RESTART, "it runs but its health check fails, and what it needs is well"
        case Kind.ENGINE_STOPPED_IT:
            return Action.START, "it ran before the engine went down"
        case Kind.EXITED_ZERO_SERVICE:
            return Action.START, "a service is meant to run, and it ended"
        case _:
            return Action.START, "it died and is meant to run"


def verified_by(
    decision: Decision, slot: SlotFacts, policy: CarePolicy = DEFAULT_POLICY
) -> Decision:
    """The decision with how it is known to have helped a container like ``slot``."""
    if slot.has_healthcheck:
        return replace(decision, verify="healthy", verify_timeout_s=policy.healthy_timeout_s)
    return replace(
        decision,
        verify="running",
        settle_s=policy.settle_s,
        verify_timeout_s=policy.settle_s + 5.0,
    )


def _quarantine(reason: str, now: datetime) -> Decision:
    return Decision(
        action=Action.QUARANTINE,
        reason=reason,
        not_before=now,
        verify="stopped",
        verify_timeout_s=60.0,
        needs_human=True,
    )


_SLOW = frozenset(
    {
        *("health.timeout", "health.slow-start", "cpu.throttled", "cpu.spin", "io.stall"),
        *("node.cpu", "node.memory", "memory.leak", "memory.exhausted", "network.timeout"),
    }
)
"""Causes that make a service slow, and that reading all of its data brings about by itself."""


def _while_in_use(
    causes: tuple[Cause, ...], patient: Patient, now: datetime, policy: CarePolicy
) -> Decision | None:
    """What is slow while its data is copied is looked at again after that: a restart would cut off
    the copy, and cure nothing."""
    slow = bool(causes) and causes[0].code in _SLOW
    if not patient.data_in_use or patient.verdict.kind is not Kind.UNHEALTHY or not slow:
        return None
    return Decision(
        action=Action.WAIT_FOR_DEPENDENCY,
        reason=f"its data is being {patient.data_in_use} now, which makes it slow: after that",
        not_before=now + timedelta(seconds=policy.parent_recheck_s),
    )


_MENDS = frozenset({Kind.FAILED, Kind.EXITED_ZERO_SERVICE, Kind.UNHEALTHY, Kind.RESTART_LOOP})
"""Trouble that the healing of something else may end."""


def _healed_first(patient: Patient, now: datetime, policy: CarePolicy) -> Decision | None:
    """Wait while the trouble of another service explains this one, and a little longer for what
    gets well by itself then."""
    explained, kind = patient.explained, patient.verdict.kind
    if explained is None or kind not in _MENDS:
        return None
    name = explained.service
    if explained.well_at is None:
        return Decision(
            action=Action.WAIT_FOR_DEPENDENCY,
            reason=f"the trouble of {name} explains it: that one is healed first",
            not_before=now + timedelta(seconds=_recheck_s(kind, policy)),
            dependency=name,
        )
    grace_s = {Kind.UNHEALTHY: policy.parent_grace_s, Kind.RESTART_LOOP: policy.loop_grace_s}
    until = explained.well_at + timedelta(seconds=grace_s.get(kind, 0.0))
    if now >= until:
        return None
    return Decision(
        action=Action.WAIT_FOR_DEPENDENCY,
        reason=f"{name} is well again: this may be, too, in a moment",
        not_before=min(until, now + timedelta(seconds=policy.dependency_recheck_s)),
        dependency=name,
    )


_HELD = frozenset({"database.too-many-connections"})


def _holder(case: Case, causes: tuple[Cause, ...]) -> str:
    """The service that is known to hold what this one gets none of; empty where none is known."""
    named = causes[0].service if causes and causes[0].code in _HELD else ""
    return "" if named in ("", case.service, *case.dependencies) else named


def _looks_around(
    case: Case, causes: tuple[Cause, ...], kind: Kind, now: datetime, policy: CarePolicy
) -> Decision | None:
    """Checks fail one after the other when what all of them need fails: before a container that
    runs is restarted, what it needs gets the time to be found unwell, too."""
    until = case.sealed_at + timedelta(seconds=policy.look_around_s)
    if kind is not Kind.UNHEALTHY or not case.dependencies or now >= until:
        return None
    named = causes[0].service if causes else ""
    name = named or ", ".join(case.dependencies)
    return Decision(
        action=Action.WAIT_FOR_DEPENDENCY,
        reason=f"what it needs ({name}) may be found unwell in a moment",
        not_before=until,
        dependency=named or next(iter(case.dependencies)),
    )


def _recheck_s(kind: Kind, policy: CarePolicy) -> float:
    """What is dead is started soon after the other one is well; what runs tells of itself."""
    dead = kind in (Kind.FAILED, Kind.EXITED_ZERO_SERVICE)
    return policy.dependency_recheck_s if dead else policy.parent_recheck_s


def _dependency(
    case: Case, causes: tuple[Cause, ...], kind: Kind, now: datetime, policy: CarePolicy
) -> Decision | None:
    """Wait where a dependency is the trouble: restarting its dependents only makes a storm."""
    bad = [name for name, state in case.dependencies.items() if state in ("down", "unhealthy")]
    blamed = bool(causes) and causes[0].code in ("network.refused", "network.dns")
    if kind is Kind.UNHEALTHY:
        bad += [
            name for name, state in case.dependencies.items() if state in ("unknown", "failing")
        ]
    elif not blamed:
        return None
    if not bad:
        return _looks_around(case, causes, kind, now, policy)
    name = bad[0]
    state = case.dependencies[name]
    if now - case.sealed_at > timedelta(seconds=policy.dependency_patience_s):
        return _leave(
            f"{name}, which it needs, is still {state}: heal that first", needs_human=True
        )
    return Decision(
        action=Action.WAIT_FOR_DEPENDENCY,
        reason=f"{name}, which it needs, is {state}: that one is healed first",
        not_before=now + timedelta(seconds=policy.dependency_recheck_s),
        dependency=name,
    )
