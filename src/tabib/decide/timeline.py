"""Questions to a bounded history of engine events: who was asked to stop, who holds a slot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tabib.decide.verdict import OwnAction, SlotKey, TriageLimits
from tabib.model.event import Event
from tabib.model.plan import Verb

SIGKILL = 9
_TERMINATING = frozenset({2, 3, 6, 15})
"""SIGINT, SIGQUIT, SIGABRT, SIGTERM: what people and stop signals end a process with."""

_EXPLAINS: dict[Verb, frozenset[str]] = {
    Verb.CREATE_CONTAINER: frozenset({"create"}),
    Verb.START_CONTAINER: frozenset({"start"}),
    Verb.STOP_CONTAINER: frozenset({"kill", "die", "stop"}),
    Verb.KILL_CONTAINER: frozenset({"kill", "die", "stop"}),
    Verb.RESTART_CONTAINER: frozenset({"kill", "die", "stop", "start", "restart"}),
    Verb.REMOVE_CONTAINER: frozenset({"kill", "die", "stop", "destroy"}),
    Verb.RENAME_CONTAINER: frozenset({"rename"}),
    Verb.PAUSE_CONTAINER: frozenset({"pause"}),
    Verb.UNPAUSE_CONTAINER: frozenset({"unpause"}),
    Verb.CREATE_NETWORK: frozenset({"create"}),
    Verb.REMOVE_NETWORK: frozenset({"destroy"}),
}
"""Our verb → the events that it causes. A start of ours never explains a death."""


def _identity(event: Event) -> tuple[int, str, str, str, str, str]:
    attributes = event.attributes
    detail = attributes.get("signal") or attributes.get("health") or ""
    peer = attributes.get("container", "")
    return (event.time_ns, event.kind, event.action, event.id, detail, peer)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events of one project, each once, in the engine's order."""

    events: tuple[Event, ...]

    @classmethod
    def of(cls, events: Iterable[Event]) -> Timeline:
        """Duplicates (after a resumed stream) and disorder are allowed."""
        unique = {_identity(event): event for event in events}
        return cls(tuple(unique[key] for key in sorted(unique)))

    def of_container(self, container_id: str) -> list[Event]:
        return [e for e in self.events if e.kind == "container" and e.id == container_id]

    def after(self, event: Event, *actions: str) -> list[Event]:
        """Later events of the same container, restricted to ``actions`` where given."""
        return [
            other
            for other in self.of_container(event.id)
            if other.time_ns > event.time_ns and (not actions or other.action in actions)
        ]

    def before(self, event: Event, *actions: str) -> list[Event]:
        """Earlier events of the same container, restricted to ``actions`` where given."""
        return [
            other
            for other in self.of_container(event.id)
            if other.time_ns < event.time_ns and (not actions or other.action in actions)
        ]

    def this_run(self, event: Event) -> list[Event]:
        """Events of the container's current run, up to ``event``: since its latest start."""
        earlier = self.before(event)
        starts = [e.time_ns for e in earlier if e.action == "start"]
        return [e for e in earlier if not starts or e.time_ns >= starts[-1]]

    def until_next_start(self, event: Event) -> list[Event]:
        """What follows ``event`` on the same container, before it is started again."""
        following: list[Event] = []
        for other in self.after(event):
            if other.action == "start":
                break
            following.append(other)
        return following

    def kills(self, death: Event) -> list[Event]:
        """Signals that the engine was told to send in the run that ended with ``death``."""
        return [e for e in self.this_run(death) if e.action == "kill"]

    def fatal_kills(self, death: Event, window_s: float) -> list[Event]:
        """Those of :meth:`kills` that explain the death; harmless signals do not.

        All of them where a ``stop`` event follows (the container's own stop signal may be any);
        else SIGKILL, a terminating signal within ``window_s`` before, or the one the exit code
        names.
        """
        kills = self.kills(death)
        if any(e.action == "stop" for e in self.until_next_start(death)):
            return kills
        since = death.at - timedelta(seconds=window_s)
        return [kill for kill in kills if _fatal(_signal(kill), death.exit_code, kill.at >= since)]

    def deaths(self, event: Event, window_s: float) -> list[Event]:
        """Deaths of the container within ``window_s`` up to and with ``event``."""
        since = event.at - timedelta(seconds=window_s)
        earlier = [e for e in self.before(event, "die") if e.at >= since]
        return [*earlier, event]

    def holder(self, key: SlotKey, other_than: str) -> Event | None:
        """The creation of another container that holds the slot, if history shows one.

        Compose's recreation creates ``<id>_<name>`` with the slot's labels before it stops the
        old container, so a holder is visible in time.
        """
        gone = {e.id for e in self.events if e.kind == "container" and e.action == "destroy"}
        held = [
            e
            for e in self.events
            if e.kind == "container"
            and e.action in ("create", "start")
            and (e.service, e.slot) == key
            and not e.oneoff
            and e.id != other_than
            and e.id not in gone
        ]
        return held[-1] if held else None

    def destroyed(self, key: SlotKey) -> Event | None:
        """The removal of the slot's container, where nothing holds the slot since."""
        removals = [
            e
            for e in self.events
            if e.kind == "container"
            and e.action == "destroy"
            and (e.service, e.slot) == key
            and not e.oneoff
        ]
        if not removals or self.holder(key, removals[-1].id) is not None:
            return None
        return removals[-1]


def is_ours(
    event: Event,
    timeline: Timeline,
    own: Sequence[OwnAction],
    now: datetime,
    limits: TriageLimits,
) -> bool:
    """Whether one of our actions explains ``event``.

    A death is ours, too, when the signal that led to it was: after ``tabib kill -s TERM`` an
    application may take its time. What happens after our restart has started the container
    again is not ours.
    """
    if any(_explains(action, event, timeline, now, limits) for action in own):
        return True
    if event.action not in ("die", "stop"):
        return False
    death = event
    if event.action == "stop":
        death = next(iter(timeline.before(event, "die")[-1:]), event)
    return any(
        _explains(action, kill, timeline, now, limits)
        for kill in timeline.fatal_kills(death, limits.signal_window_s)
        for action in own
    )


def signals(kills: Iterable[Event]) -> tuple[int, ...]:
    """The signal numbers of ``kill`` events, in order."""
    return tuple(_signal(kill) for kill in kills)


def _signal(kill: Event) -> int:
    number = kill.attributes.get("signal", "")
    return int(number) if number.isdigit() else SIGKILL


def _fatal(signal: int, exit_code: int | None, recent: bool) -> bool:
    if signal == SIGKILL or exit_code == 128 + signal:
        return True
    return recent and signal in _TERMINATING


def _explains(
    action: OwnAction, event: Event, timeline: Timeline, now: datetime, limits: TriageLimits
) -> bool:
    if action.target not in (event.id, event.name) and not _short(action.target, event.id):
        return False
    if event.action not in _EXPLAINS.get(action.verb, frozenset()):
        return False
    if _is_network(action.verb) != (event.kind == "network"):
        return False
    open_end = min(max(now, event.at), action.started_at + timedelta(seconds=limits.open_action_s))
    end = (action.ended_at or open_end) + timedelta(seconds=limits.own_grace_s)
    if not action.started_at - timedelta(milliseconds=50) <= event.at <= end:
        return False
    if action.verb is Verb.RESTART_CONTAINER and event.action in ("kill", "die", "stop"):
        started = timeline.before(event, "start")
        return not any(start.at >= action.started_at for start in started)
    return True


def _is_network(verb: Verb) -> bool:
    return verb in (Verb.CREATE_NETWORK, Verb.REMOVE_NETWORK)


def _short(target: str, full_id: str) -> bool:
    """Whether ``target`` is the customary shortened form (12 digits) of ``full_id``."""
    return len(target) == 12 and full_id.startswith(target)
