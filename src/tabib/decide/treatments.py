"""What may be done about a case, whom it is done to, and what was decided: the plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tabib.decide.backups.witness import Damage
from tabib.decide.overrides import Raise
from tabib.decide.rollback import ReleaseFacts
from tabib.decide.verdict import SlotFacts, Verdict
from tabib.model.incident import Treatment


class Action(StrEnum):
    START = "start"
    RESTART = "restart"
    RECREATE = "recreate"
    ROLLBACK = "rollback"
    """Back to the last good release, as a new release."""
    RAISE_LIMIT = "raise_limit"
    """Created anew with a higher limit, within the policy that the user wrote."""
    RECONNECT = "reconnect"
    """Attached again to a network that the release gives it."""
    FREE_SPACE = "free_space"
    """Dangling images and build cache go; then it is started."""
    ADD_INIT = "recreate_with_init"
    """Created anew with an init process."""
    ROTATE_LOG = "recreate_with_rotation"
    """Created anew with a log of bounded size."""
    RESTORE = "restore"
    """Its data comes back from a snapshot, into a new place; what was there is kept."""
    WAIT_FOR_DEPENDENCY = "wait_for_dependency"
    """Decide again at ``not_before``: what it depends on is healed first."""
    QUARANTINE = "quarantine"
    """A stop, journalled as ours, until a person says ``tabib start``."""
    OFFER = "offer"
    """Nothing is done; ``Decision.proposed`` is what a person may ask for."""
    NONE = "none"


SPENDS = frozenset(
    {
        *(Action.START, Action.RESTART, Action.RECREATE, Action.ROLLBACK, Action.RAISE_LIMIT),
        *(Action.RECONNECT, Action.FREE_SPACE, Action.ADD_INIT, Action.ROTATE_LOG),
        Action.RESTORE,
    }
)
"""Actions that count against the budget."""

NEW_RELEASE = frozenset({Action.ROLLBACK, Action.RAISE_LIMIT, Action.ADD_INIT, Action.ROTATE_LOG})
"""Actions that make a release, and can be undone by going back to the one before."""

DOES_NOTHING = frozenset({Action.NONE, Action.OFFER, Action.WAIT_FOR_DEPENDENCY})

RUNS_ON = frozenset({Action.RECONNECT, Action.FREE_SPACE})
"""Actions during which what runs goes on running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarePolicy:
    """Limits of automatic care. Durations in seconds; the defaults suit a web application."""

    budget: int = 5
    """Starts, restarts and recreations of one service within ``budget_window_s``."""
    budget_window_s: float = 3600.0
    backoff_first_s: float = 2.0
    """The first treatment comes at once, the second after this, then twice as long each time."""
    backoff_max_s: float = 300.0
    settle_s: float = 10.0
    """Without a health check: a treatment is verified once it has run this long."""
    healthy_timeout_s: float = 120.0
    """With one: a treatment failed where it is not healthy by then."""
    dependency_recheck_s: float = 2.0
    dependency_patience_s: float = 300.0
    """Waiting longer than this for a dependency calls a person."""
    look_around_s: float = 4.0
    """How long an unhealthy container waits for what it depends on to be found unwell, too."""
    parent_recheck_s: float = 10.0
    """How often to look while an incident of the dependency is open: it tells of itself."""
    parent_grace_s: float = 15.0
    """How long what still runs has to get well by itself, once what it needs is well."""
    loop_grace_s: float = 75.0
    """The same for what its restart policy starts again: the engine waits up to a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The trouble of another service that explains the patient's. ``well_at``: when that service
    was well again; None: it is not yet."""

    service: str
    well_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Whom a case is about: the verdict behind it, the slot, and what was done before.

    ``history``: earlier treatments of the same service (all its slots), in any order.
    """

    verdict: Verdict
    slot: SlotFacts
    history: Sequence[Treatment] = ()
    explained: Explained | None = None
    release: ReleaseFacts | None = None
    raisable: Raise | None = None
    """The limit behind its trouble, where the user's policy lets it be raised."""
    damage: Damage | None = None
    """Where the trouble is about its data."""
    data_in_use: str = ""
    """What tabib itself does with its data now (``copied``, ``drilled``); ``""``: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, why, not before when, and how it is known to have helped."""

    action: Action
    reason: str
    not_before: datetime | None = None
    """None where nothing is done; else the time to act (or to decide again), never in the past."""
    proposed: Action | None = None
    dependency: str = ""
    service: str = ""
    """Another service that is restarted instead: it holds what this one lacks."""
    datasets: tuple[str, ...] = ()
    """What is restored; and ``snapshot``: what from."""
    snapshot: str = ""
    verify: str = ""
    """``healthy``, ``running`` (for ``settle_s``) or ``stopped``."""
    settle_s: float = 0.0
    verify_timeout_s: float = 0.0
    attempt: int = 0
    """Which treatment within the budget this is, from 1."""
    needs_human: bool = False
    """The incident is to be closed as ``needs_human`` unless things change by themselves."""
