"""The plain values of triage: what is known about a project, and what an event turned out to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tabib.decide.graph import is_declared_job
from tabib.model.container import ImageState
from tabib.model.incident import DataState
from tabib.model.plan import Verb
from tabib.model.project import Project, Service

SlotKey = tuple[str, int]
"""(service name, slot number)."""


class Kind(StrEnum):
    """What an event turned out to be."""

    IGNORE = "ignore"
    """Ours, superseded, or the engine's everyday life."""
    NEEDS_SETTLING = "needs_settling"
    """Ask again with the same event at ``decide_at``, with the events seen by then."""
    STOPPED_BY_HAND = "stopped_by_hand"
    REMOVED_BY_HAND_AFTER_STOP = "removed_by_hand_after_stop"
    PROJECT_TAKEN_DOWN = "project_taken_down"
    RECREATED_BY_OTHER = "recreated_by_other"
    DRIFT_REMOVED = "drift_removed"
    FAILED = "failed"
    FINISHED = "finished"
    EXITED_ZERO_SERVICE = "exited_zero_service"
    ENGINE_RESTARTS_IT = "engine_restarts_it"
    """The restart policy as written is at work; ask again at ``decide_at`` whether it did."""
    RESTART_LOOP = "restart_loop"
    UNHEALTHY = "unhealthy"
    OOM_CHILD = "oom_child"
    DATA = "data"
    """What it holds is not what it was, whether it runs or not."""
    DETACHED = "detached"
    """It runs, and is not attached to a network that its file gives it."""
    RECOVERED = "recovered"
    ENGINE_STOPPED_IT = "engine_stopped_it"
    """It ran until the engine or the machine went down, and nothing brought it back."""
    UNKNOWN_EXIT = "unknown_exit"
    """Exited while nobody watched, in a way that a person or a failure can both cause."""
    UNKNOWN_REMOVAL = "unknown_removal"
    """Gone while nobody watched: by ``stop`` and ``rm`` or by ``rm -f``, nobody can tell."""


TROUBLE: Mapping[Kind, str] = {
    Kind.DRIFT_REMOVED: "removed",
    Kind.FAILED: "died",
    Kind.EXITED_ZERO_SERVICE: "died",
    Kind.ENGINE_RESTARTS_IT: "died",
    Kind.RESTART_LOOP: "loop",
    Kind.UNHEALTHY: "unhealthy",
    Kind.OOM_CHILD: "oom",
    Kind.DETACHED: "detached",
    Kind.DATA: "data",
    Kind.ENGINE_STOPPED_IT: "engine_restarted",
    Kind.UNKNOWN_EXIT: "died",
    Kind.UNKNOWN_REMOVAL: "missing",
}
"""Kinds that open a case → the case's trigger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One judgement, with its reason. Equal input gives an equal verdict.

    ``halt`` is to be written into ``CareRecord.halted`` whatever the kind: None changes nothing,
    ``""`` clears (a person started it), else why it shall not run.
    """

    kind: Kind
    reason: str
    container_id: str = ""
    container: str = ""
    service: str = ""
    slot: int = 0
    trigger: str = ""
    """``Case.trigger``; empty where no case is to be opened."""
    halt: str | None = None
    decide_at: datetime | None = None
    """Engine clock."""
    settle_s: float = 0.0
    """Wait this long still and see that no other container holds the slot before acting."""
    exit_code: int | None = None
    kill_signals: tuple[int, ...] = ()
    asked_at: datetime | None = None
    """When the engine was first told to end it; becomes ``SlotFacts.halted_at``."""
    oom_event: bool = False
    engine_error: str = ""
    data: tuple[DataState, ...] = ()
    """What was found of its data that a look at its folder does not show."""

    @property
    def actionable(self) -> bool:
        """Whether a treatment may follow (policy and budget permitting)."""
        return bool(self.trigger)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAction:
    """One of tabib's own steps, from the journal's intents and outcomes.

    ``ended_at`` None: no outcome was written yet. ``target`` is the id or the name of the
    container or network. Both times are on the engine's clock (local engines: the same clock).
    """

    target: str
    verb: Verb
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFacts:
    """What is known about one slot apart from events."""

    service: str
    slot: int
    container: str
    """The container's name."""
    restart: str | None = None
    """The restart policy as written in the file; None: none written."""
    has_healthcheck: bool = False
    """The file or the image defines an active one."""
    job: bool = False
    """Exit 0 means finished: the file says so, or there is nothing to serve (:func:`is_job`)."""
    declared_job: bool = False
    """The file says so."""
    mode: str = "act"
    """``act``, ``advise`` or ``observe``."""
    last_running: bool = False
    """It ran by the last observation, or by an event since."""
    halted: str = ""
    """``CareRecord.halted`` of this slot: ``""``, ``stopped``, ``removed``, ``finished``, …"""
    halted_at: datetime | None = None
    """When it was asked to stop (``Verdict.asked_at``), on the engine's clock."""

    @property
    def engine_restarts(self) -> bool:
        """A policy is written that makes the engine restart it (at least sometimes)."""
        return self.restart is not None and self.restart != "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """The slots and own networks (the engine's names, external ones left out) of a project."""

    project: str
    slots: Mapping[SlotKey, SlotFacts] = field(default_factory=dict)
    networks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageLimits:
    """How long triage waits for the events that tell people from faults, all in seconds.

    Measured on Engine 20.10 (``tests/decide/recordings``): ``stop`` follows ``die`` by 40–60 ms,
    ``destroy`` (rm -f) by 50–60 ms, ``start`` (docker restart) by 220–310 ms, the network's
    removal (compose down) follows the last container's by 150–300 ms.
    """

    stop_settle_s: float = 1.5
    """After a ``stop`` event: whether a ``start`` makes it a restart."""
    stop_follows_s: float = 0.5
    """After a death by an unusual signal: whether ``stop`` follows."""
    kill_settle_s: float = 3.0
    """After a SIGKILL through the engine: whether ``destroy``, ``stop`` or ``start`` follows."""
    removal_settle_s: float = 1.0
    """After the project's latest removal: whether more of the project goes."""
    oom_follows_s: float = 0.5
    """After a death by an unasked SIGKILL: whether ``oom`` follows (it comes before or after)."""
    oom_settle_s: float = 1.0
    """After an ``oom`` event: whether the container itself dies of it."""
    stable_s: float = 10.0
    """Without a health check, running this long counts as recovered."""
    signal_window_s: float = 30.0
    """A terminating signal sent through the engine explains a death this long after."""
    own_grace_s: float = 2.0
    """Events may trail our own action's outcome by this much."""
    open_action_s: float = 900.0
    """An intent without an outcome (tabib was killed) explains events no longer than this."""
    loop_deaths: int = 5
    loop_window_s: float = 120.0
    engine_slack_s: float = 5.0
    """Beyond the engine's own restart delay, before it counts as given up."""
    shutdown_window_s: float = 20.0
    """Stops this short before the engine went away may be its own shutdown (it gives up at 15)."""
    shutdown_sweep_s: float = 1.0
    """A shutdown signals all containers within this time (measured: 8 ms)."""


def is_job(project: Project, service: Service, image: ImageState | None = None) -> bool:
    """Whether exit 0 means finished: awaited as completed, said so, or nothing to serve.

    ``x-tabib.job`` (true or false) decides where it is given; else a service that another awaits
    by ``service_completed_successfully``; else one without ports, expose and health check in the
    file and in the image.
    """
    if service.extension.get("job") is not None or is_declared_job(project, service):
        return is_declared_job(project, service)
    serves = bool(service.spec.get("ports") or service.spec.get("expose"))
    if image is not None:
        serves = serves or bool(image.exposed)
    return not serves and not checks_health(service, image)


def checks_health(service: Service, image: ImageState | None = None) -> bool:
    """Whether an active health check exists: the file's, else the image's unless disabled."""
    if service.has_healthcheck:
        return True
    check = service.spec.get("healthcheck") or {}
    disabled = bool(check.get("disable")) or list(check.get("test") or [])[:1] == ["NONE"]
    return image is not None and image.has_healthcheck and not disabled
