"""What the recorder knows of each container, from the engine's inspections and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tabib.model import container as c
from tabib.model.container import ContainerState
from tabib.model.event import Event
from tabib.model.metrics import HEALTHS, STATES
from tabib.model.sample import Subject

_STATE_AFTER = {
    "create": "created",
    "start": "running",
    "pause": "paused",
    "unpause": "running",
    "die": "exited",
}
LOOKED_AT = frozenset(("create", "start", "rename", "update"))
"""Actions after which only a new inspection tells all: a process, a name, limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One container. ``pid``: the host's id of its first process; 0 while none runs."""

    subject: Subject
    status: str
    health: str = ""
    restarts: int = 0
    pid: int = 0
    log_driver: str = ""
    log_path: str = ""
    writable_layer_bytes: int | None = None

    @property
    def id(self) -> str:
        return self.subject.id

    @property
    def runs(self) -> bool:
        """Whether there is something to read: a paused container uses memory too."""
        return self.pid > 0 and self.status in ("running", "paused")


def subject_of(
    engine_id: str, id: str, name: str, image: str, labels: Mapping[str, Any]
) -> Subject:
    """The subject of a container, by Compose's labels where it has them."""
    number = str(labels.get(c.LABEL_NUMBER, "0"))
    return Subject(
        kind="container",
        id=id,
        engine_id=engine_id,
        name=name,
        project=str(labels.get(c.LABEL_PROJECT, "")),
        service=str(labels.get(c.LABEL_SERVICE, "")),
        slot=int(number) if number.isdigit() else 0,
        image=image,
    )


def from_inspection(engine_id: str, inspection: Mapping[str, Any]) -> Entry:
    """The entry of an inspected container (the engine's JSON of ``GET /containers/{id}/json``)."""
    config = inspection.get("Config") or {}
    state = inspection.get("State") or {}
    log_config = (inspection.get("HostConfig") or {}).get("LogConfig") or {}
    status = str(state.get("Status") or "")
    return Entry(
        subject=subject_of(
            engine_id,
            str(inspection["Id"]),
            str(inspection.get("Name") or "").lstrip("/"),
            str(config.get("Image") or ""),
            config.get("Labels") or {},
        ),
        status=status,
        health=_health((state.get("Health") or {}).get("Status")),
        restarts=int(inspection.get("RestartCount") or 0),
        pid=int(state.get("Pid") or 0) if status in c.RUNNING else 0,
        log_driver=str(log_config.get("Type") or ""),
        log_path=str(inspection.get("LogPath") or ""),
    )


def from_row(engine_id: str, state: ContainerState, known: Entry | None) -> Entry:
    """The entry after a look at the whole engine, which shows no processes: those stay as known."""
    subject = subject_of(engine_id, state.id, state.name, state.image, state.labels)
    if known is None:
        return Entry(subject=subject, status=state.status, health=state.health)
    pid = known.pid if state.status in c.RUNNING else 0
    return replace(known, subject=subject, status=state.status, health=state.health, pid=pid)


def after(entry: Entry, event: Event) -> Entry:
    """The entry after an event of the container; what only an inspection shows stays as it was."""
    if event.action == "health_status":
        return replace(entry, health=_health(event.attributes.get("health")))
    status = _STATE_AFTER.get(event.action)
    if status is None:
        return entry
    if status == "exited":
        return replace(entry, status=status, health="", pid=0)
    return replace(entry, status=status)


def known_values(entry: Entry, log_bytes: int | None = None) -> dict[str, int]:
    """What the engine tells beside the kernel, as values of ``metrics.CONTAINER`` by name."""
    known = {"restarts": entry.restarts, "health": HEALTHS.index(entry.health)}
    if entry.status in STATES:
        known["state"] = STATES.index(entry.status)
    if entry.writable_layer_bytes is not None:
        known["writable_layer_bytes"] = entry.writable_layer_bytes
    if log_bytes is not None:
        known["log_bytes"] = log_bytes
    return known


def _health(text: object) -> str:
    found = str(text or "")
    return found if found in HEALTHS else ""
