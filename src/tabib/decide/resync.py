"""What was found exited or missing when nobody watched: after a start, a gap, an engine restart.

docs/care.md, "Exited while nobody watched". There are no events to judge by, only what is
there now, what ran when we last looked, and whether the engine itself went down meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tabib.decide.verdict import (
    TROUBLE,
    Kind,
    ProjectFacts,
    SlotFacts,
    SlotKey,
    TriageLimits,
    Verdict,
)
from tabib.model.container import ContainerState, Observed

_AMBIGUOUS = frozenset({0, 130, 137, 143})
"""Exit codes that a stop by hand leaves as well: graceful, SIGINT, SIGKILL, SIGTERM."""
_ALIVE = ("running", "paused", "restarting")
_DEFAULT = TriageLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The time nobody watched, on the engine's clock."""

    engine_restarted: bool
    """The engine's start time or the machine's boot id changed since."""
    lost_at: datetime | None = None
    """When the event stream ended; None: tabib itself was not running."""
    engine_started_at: datetime | None = None
    """When the engine that runs now was started, where that is known."""
    kills: tuple[tuple[datetime, str], ...] = ()
    """The engine's last signals before it was lost, to any container: when, and the name."""


def on_resync(
    observed: Observed,
    facts: ProjectFacts,
    gap: Gap,
    now: datetime,
    limits: TriageLimits = _DEFAULT,
) -> list[Verdict]:
    """One verdict for each slot of the project, in the order of ``facts.slots``.

    ``observed`` must have been taken with detail, unless :func:`needs_detail` says that a look
    without it tells all, and the engine has not restarted. ``needs_settling`` asks for another
    look at ``decide_at``: an engine that has just started is still starting containers by itself.
    """
    holders = _holders(observed, facts.project)
    swept = _swept_by_shutdown(facts, gap, limits)
    wanted = {
        key
        for key, slot in facts.slots.items()
        if key in swept or (slot.last_running and not slot.halted)
    }
    all_gone = len(wanted) > 0 and not any(key in holders for key in facts.slots)
    verdicts = []
    for key, slot in facts.slots.items():
        container = holders.get(key)
        if container is not None and container.status in _ALIVE:
            verdicts.append(_alive(slot, container))
        elif key not in wanted:
            reason = f"halted: {slot.halted}" if slot.halted else "it did not run before either"
            verdicts.append(_says(slot, container, Kind.IGNORE, reason))
        elif container is None:
            verdicts.append(_missing(slot, all_gone and len(facts.slots) > 1))
        else:
            verdicts.append(_Exited(slot, container, gap, now, limits).judge())
    return verdicts


def needs_detail(observed: Observed, facts: ProjectFacts) -> bool:
    """Whether a look without detail leaves open what :func:`on_resync` would say: something that
    ran and is not halted is there, and does not run."""
    holders = _holders(observed, facts.project)
    return any(
        slot.last_running
        and not slot.halted
        and key in holders
        and holders[key].status not in _ALIVE
        for key, slot in facts.slots.items()
    )


def _holders(observed: Observed, project: str) -> dict[SlotKey, ContainerState]:
    """The container that holds each slot: a running one before others, then the newest."""
    holders: dict[SlotKey, ContainerState] = {}
    ours = [c for c in observed.containers if c.project == project and not c.oneoff]
    for container in sorted(ours, key=lambda c: (c.status == "running", c.created_at, c.id)):
        holders[(container.service, container.slot)] = container
    return holders


def _swept_by_shutdown(facts: ProjectFacts, gap: Gap, limits: TriageLimits) -> set[SlotKey]:
    """Slots that count as stopped by hand, but were stopped by the engine's own shutdown.

    An engine that goes down signals all its containers within milliseconds, with the same events
    as ``docker stop``, and then waits for the slowest (Engine 20.10, tried). So of the stops
    shortly before the engine was lost, the latest sweep was its shutdown; earlier ones were a
    person's. A fast engine is gone before its sweep is judged: its last signals tell of it; one
    that crashes has no sweep.
    """
    if not gap.engine_restarted or gap.lost_at is None:
        return set()
    window = timedelta(seconds=limits.shutdown_window_s)
    near = {
        key: slot.halted_at
        for key, slot in facts.slots.items()
        if slot.halted == "stopped"
        and slot.halted_at is not None
        and gap.lost_at - window <= slot.halted_at <= gap.lost_at
    }
    if not near:
        return set()
    last = max([*near.values(), *(at for at, _ in gap.kills)])
    sweep = last - timedelta(seconds=limits.shutdown_sweep_s)
    signalled = {name for at, name in gap.kills if at >= sweep}
    for slot in facts.slots.values():
        if slot.last_running and not slot.halted and slot.container not in signalled:
            return set()  # it ran on to the end: the engine crashed, and stopped nothing
    return {key for key, at in near.items() if at >= sweep}


def _says(slot: SlotFacts, container: ContainerState | None, kind: Kind, reason: str) -> Verdict:
    return Verdict(
        kind=kind,
        reason=reason,
        container_id=container.id if container else "",
        container=container.name if container else slot.container,
        service=slot.service,
        slot=slot.slot,
        trigger=TROUBLE.get(kind, ""),
        exit_code=container.exit_code if container else None,
        engine_error=container.error if container else "",
    )


def _alive(slot: SlotFacts, container: ContainerState) -> Verdict:
    halt = "" if slot.halted and container.status == "running" else None
    if container.status == "paused":
        return _says(slot, container, Kind.IGNORE, "it is paused")
    if container.status == "restarting":
        return _says(slot, container, Kind.ENGINE_RESTARTS_IT, "the engine is restarting it")
    if container.health == "unhealthy":
        verdict = _says(slot, container, Kind.UNHEALTHY, "it runs, and its health check fails")
    elif container.health == "starting":
        verdict = _says(slot, container, Kind.IGNORE, "it runs; its health check will tell")
    else:
        verdict = _says(slot, container, Kind.RECOVERED, "it runs")
    return replace(verdict, halt=halt)


def _missing(slot: SlotFacts, all_gone: bool) -> Verdict:
    if all_gone:
        reason = "all containers of the project are gone (taken down while nobody watched)"
        return replace(_says(slot, None, Kind.PROJECT_TAKEN_DOWN, reason), halt="removed")
    # `stop` and `rm` (intent) and `rm -f` (drift) leave the same nothing behind.
    reason = "it is gone, removed while nobody watched: by intent or by accident, unknown"
    return _says(slot, None, Kind.UNKNOWN_REMOVAL, reason)


@dataclass(frozen=True, slots=True)
class _Exited:
    """A slot that should run, with a container that does not."""

    slot: SlotFacts
    container: ContainerState
    gap: Gap
    now: datetime
    limits: TriageLimits

    def judge(self) -> Verdict:
        container, slot = self.container, self.slot
        code = container.exit_code
        if container.status in ("created", "removing"):
            return self._unstarted()
        # A worker without ports looks like a job, and ends with 0 when its engine goes down.
        finished = slot.declared_job if self.gap.engine_restarted else slot.job
        if code == 0 and finished:
            return self._says(Kind.FINISHED, "a job that exited with 0 is finished", "finished")
        if self.gap.engine_restarted:
            return self._after_engine_restart()
        if slot.restart in ("always", "unless-stopped"):
            return self._says(
                Kind.STOPPED_BY_HAND,
                f"exited under `restart: {slot.restart}`: only a stop by hand leaves it so",
                "stopped",
            )
        if code in _AMBIGUOUS and not container.oom_killed:
            return self._says(
                Kind.UNKNOWN_EXIT,
                f"exited with {code} while nobody watched: stopped by hand or failed, unknown",
            )
        return self._says(Kind.FAILED, f"exited with {code} while nobody watched")

    def _unstarted(self) -> Verdict:
        if self.container.error:
            verdict = self._says(Kind.FAILED, "the engine could not start it")
            return replace(verdict, trigger="start_failed")
        return self._settle(
            self.container.created_at, "being created or removed just now: look again"
        ) or self._says(Kind.UNKNOWN_EXIT, "created, and never started: nobody knows why")

    def _after_engine_restart(self) -> Verdict:
        if self.slot.engine_restarts:
            # After an unclean end, Engine 20.10 leaves `unless-stopped` exited with 0 (tried): so
            # an exit says nothing here, whatever the policy. The engine brings such containers
            # back itself, one after the other.
            wait = self._settle(
                self.gap.engine_started_at, "the engine starts what its policy says"
            )
            if wait is not None:
                return wait
        return self._says(
            Kind.ENGINE_STOPPED_IT, "it ran until the engine or the machine went down", ""
        )

    def _settle(self, since: datetime | None, reason: str) -> Verdict | None:
        decide_at = (since or self.now) + timedelta(seconds=self.limits.stable_s)
        if since is None or self.now >= decide_at:
            return None
        verdict = _says(self.slot, self.container, Kind.NEEDS_SETTLING, reason)
        return replace(verdict, decide_at=decide_at)

    def _says(self, kind: Kind, reason: str, halt: str | None = None) -> Verdict:
        return replace(_says(self.slot, self.container, kind, reason), halt=halt)
