"""What containers' own labels say of their project: its order without any file; and what of an
event's attributes are no labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tabib.model.container import LABEL_DEPENDS_ON, ContainerState
from tabib.model.project import Dependency


def dependencies(state: ContainerState) -> tuple[Dependency, ...]:
    """What its label says that a container depends on."""
    return depends_on(state.labels.get(LABEL_DEPENDS_ON, ""))


def depends_on(label: str) -> tuple[Dependency, ...]:
    """``com.docker.compose.depends_on``: ``service:condition:restart`` joined by commas."""
    found = []
    for part in label.split(","):
        service, _, rest = part.strip().partition(":")
        condition, _, restart = rest.partition(":")
        if service:
            found.append(
                Dependency(
                    service=service,
                    condition=condition or "service_started",
                    restart=restart == "true",
                )
            )
    return tuple(found)


def layers(containers: Iterable[ContainerState]) -> dict[str, tuple[Dependency, ...]]:
    """Service → its dependencies among the services of ``containers``; cycles are cut."""
    containers = list(containers)
    services = {one.service for one in containers}
    edges = {
        one.service: tuple(e for e in dependencies(one) if e.service in services)
        for one in containers
    }
    safe: dict[str, tuple[Dependency, ...]] = {}

    def reaches(start: str, goal: str) -> bool:
        todo, seen = [start], {start}
        while todo:
            current = todo.pop()
            if current == goal:
                return True
            new = {e.service for e in safe.get(current, ())} - seen
            seen |= new
            todo += new
        return False

    for service, found in edges.items():
        safe[service] = ()
        for edge in found:
            if edge.service != service and not reaches(edge.service, service):
                safe[service] = (*safe[service], edge)
    return safe


_ATTRIBUTES = frozenset({
    "image", "name", "exitCode", "signal", "health", "execDuration", "oldName", "container", "type",
    "driver", "destination", "source", "propagation", "read/write", "reclaimed",
})  # fmt: skip


def event_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    """Those that the engine itself gives (moby, daemon/events.go); it mixes labels among them."""
    return {name: value for name, value in attributes.items() if name in _ATTRIBUTES}
