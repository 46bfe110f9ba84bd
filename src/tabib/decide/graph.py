"""The dependency graph of a project: selection, order, awaited jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tabib.model.errors import ConfigError
from tabib.model.project import Project, Service

COMPLETED = "service_completed_successfully"
HEALTHY = "service_healthy"


def selection(project: Project, wanted: Iterable[str], *, with_dependencies: bool) -> list[str]:
    """Names of the services to work on, dependencies first; empty ``wanted`` means all.

    :raises ConfigError: a name is not a service of the project, or dependencies form a cycle.
    """
    names = list(wanted) or list(project.services)
    for name in names:
        if name not in project.services:
            raise _unknown_service(project, name)
    chosen = set(names)
    if with_dependencies:
        todo = list(names)
        while todo:
            for edge in project.services[todo.pop()].depends_on:
                if edge.service in project.services and edge.service not in chosen:
                    chosen.add(edge.service)
                    todo.append(edge.service)
    return [name for name in order(project.services) if name in chosen]


def order(services: Mapping[str, Service]) -> list[str]:
    """All services, each after what it depends on; ties in the mapping's order.

    :raises ConfigError: dependencies form a cycle; the message prints it.
    """
    done: dict[str, bool] = {}
    result: list[str] = []
    for root in services:
        # An explicit stack: a file may chain thousands of services.
        stack: list[tuple[str, int]] = [(root, 0)]
        while stack:
            name, position = stack.pop()
            if position == 0:
                if done.get(name):
                    continue
                done[name] = False
            edges = [e.service for e in services[name].depends_on if e.service in services]
            if position < len(edges):
                stack.append((name, position + 1))
                following = edges[position]
                if following not in done:
                    stack.append((following, 0))
                elif done[following] is False:
                    raise _cycle([n for n, _ in stack], following)
            else:
                done[name] = True
                result.append(name)
    return result


def awaited_jobs(project: Project) -> frozenset[str]:
    """Services that another one awaits to complete: exit 0 means finished, not failed."""
    return frozenset(
        edge.service
        for service in project.services.values()
        for edge in service.depends_on
        if edge.condition == COMPLETED
    )


def is_declared_job(project: Project, service: Service) -> bool:
    """Whether the file says that the service ends: awaited by another one, or ``x-tabib.job``.

    A declared job that ended with 0 is not run again by ``up`` while nothing changed.
    """
    said = service.extension.get("job")
    if said is not None:
        return str(said).lower() in ("true", "1", "yes")
    return service.name in awaited_jobs(project)


def dependents(project: Project, name: str) -> tuple[str, ...]:
    """Services that directly depend on ``name``."""
    return tuple(
        other.name
        for other in project.services.values()
        if any(edge.service == name for edge in other.depends_on)
    )


def transitive(edges: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Service → everything that it depends on, directly or through others; circles do no harm, and
    nothing depends on itself."""
    found = {}
    for name in edges:
        reached: set[str] = set()
        todo = list(edges[name])
        while todo:
            one = todo.pop()
            if one not in reached:
                reached.add(one)
                todo.extend(edges.get(one, ()))
        found[name] = frozenset(reached - {name})
    return found


def _unknown_service(project: Project, name: str) -> ConfigError:
    disabled = name in project.disabled
    return ConfigError(
        f"no such service: {name}",
        attempted="select services of",
        target=project.name,
        advice=(
            f"Its profile is not active; enable it with --profile "
            f"{' or '.join(project.disabled[name].spec.get('profiles') or ['…'])}."
            if disabled
            else f"The services are: {', '.join(project.services) or 'none'}."
        ),
    )


def _cycle(path: list[str], again: str) -> ConfigError:
    loop = [*path[path.index(again) :], again] if again in path else [*path, again]
    return ConfigError(
        f"dependency cycle: {' → '.join(loop)}",
        attempted="order services",
        advice="Remove one of these depends_on entries.",
    )
