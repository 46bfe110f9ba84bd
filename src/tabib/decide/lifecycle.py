"""Plans for ``start``, ``stop``, ``restart``, ``kill``, ``pause``, ``unpause`` and ``rm``.

They work on containers that exist, in the order that the containers' own labels give: no file is
needed. ``scale`` is a reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tabib.decide.graph import COMPLETED, HEALTHY
from tabib.decide.labels import dependencies, layers
from tabib.decide.onestep import on_container
from tabib.decide.steps import stop_and_remove, topological
from tabib.model.container import RUNNING, ContainerState, Observed
from tabib.model.errors import Refused, UsageError
from tabib.model.plan import Plan, Step, Verb

_VERBS: Mapping[str, tuple[Verb, tuple[str, ...], str]] = {
    # verb → (step, states it applies to, reason)
    "start": (Verb.START_CONTAINER, ("created", "exited"), "start was asked for"),
    "stop": (Verb.STOP_CONTAINER, RUNNING, "stop was asked for"),
    "restart": (Verb.RESTART_CONTAINER, (*RUNNING, "created", "exited"), "restart was asked for"),
    "kill": (Verb.KILL_CONTAINER, RUNNING, "kill was asked for"),
    "pause": (Verb.PAUSE_CONTAINER, ("running",), "pause was asked for"),
    "unpause": (Verb.UNPAUSE_CONTAINER, ("paused",), "unpause was asked for"),
}


def lifecycle(
    verb: str,
    project: str,
    observed: Observed,
    *,
    services: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan of ``verb`` for the project's containers (of ``services``; none: all).

    :raises UsageError: a service has no container, or the verb is unknown.
    """
    options = dict(options or {})
    wanted = list(services)
    mine = [
        one
        for one in observed.containers
        if one.project == project and not one.oneoff and (not wanted or one.service in wanted)
    ]
    _check(verb, project, wanted, mine)
    if verb == "restart" and wanted and not options.get("no_deps"):
        mine += _restarted_with(mine, observed, project)
    if verb == "rm":
        return _remove(project, mine, options)
    step_verb, states, reason = _VERBS[verb]
    chosen = [one for one in mine if one.status in states]
    notes = [
        f"{one.name} is {one.status}; nothing to {verb}"
        for one in mine
        if one.status not in states and wanted
    ]
    passed = {
        key: options[key] for key in ("timeout_s", "signal") if options.get(key) not in (None, "")
    }
    if verb == "kill":
        passed.setdefault("signal", "SIGKILL")
    steps = [on_container(step_verb, one, reason, options=passed) for one in chosen]
    steps = _in_order(verb, steps, chosen, options)
    return Plan(project=project, steps=topological(steps), notes=tuple(notes))


def _restarted_with(
    chosen: list[ContainerState], observed: Observed, project: str
) -> list[ContainerState]:
    """Running containers that declare ``restart: true`` on a service that is restarted."""
    services = {one.service for one in chosen}
    found: list[ContainerState] = []
    others = [one for one in observed.containers if one.project == project and not one.oneoff]
    grown = True
    while grown:
        grown = False
        for one in others:
            follows = any(e.restart and e.service in services for e in dependencies(one))
            if follows and one.service not in services:
                peers = [o for o in others if o.service == one.service and o.status in RUNNING]
                found += peers
                services.add(one.service)
                grown = True
    return found


def _check(verb: str, project: str, wanted: list[str], mine: list[ContainerState]) -> None:
    if verb != "rm" and verb not in _VERBS:
        raise UsageError(f"unknown action {verb}", attempted="act on", target=project)
    present = {one.service for one in mine}
    for service in wanted:
        if service not in present:
            raise UsageError(
                f"service {service} has no container",
                attempted=verb,
                target=f"{project}/{service}",
                advice="`tabib up` creates it; `tabib ps -a` shows what exists.",
            )


def _in_order(
    verb: str, steps: list[Step], chosen: list[ContainerState], options: Mapping[str, Any]
) -> list[Step]:
    order = layers(chosen)
    ids: dict[str, list[str]] = {}
    for one, step in zip(chosen, steps, strict=True):
        ids.setdefault(one.service, []).append(step.id)
    if verb == "stop":
        dependents: dict[str, list[str]] = {}
        for service, edges in order.items():
            for edge in edges:
                dependents.setdefault(edge.service, []).extend(ids[service])
        return [replace(s, after=tuple(dependents.get(s.service, ()))) for s in steps]
    if verb not in ("start", "restart"):
        return steps
    waits: dict[str, Step] = {}
    result = []
    for one, step in zip(chosen, steps, strict=True):
        after: list[str] = []
        for edge in order.get(one.service, ()):
            condition = {HEALTHY: "healthy", COMPLETED: "completed"}.get(edge.condition)
            for other in chosen:
                if other.service != edge.service:
                    continue
                before = f"{verb}:{other.name}"
                after.append(_wait(waits, other, condition, before).id if condition else before)
        result.append(replace(step, after=tuple(after)))
    if options.get("wait", True):
        for one, step in zip(chosen, result, strict=True):
            if not any(wait.target == one.name for wait in waits.values()):
                _wait(waits, one, "ready", step.id)
    return [*result, *waits.values()]


def _wait(waits: dict[str, Step], one: ContainerState, condition: str, before: str) -> Step:
    key = f"wait:{one.name}:{condition}"
    return waits.setdefault(
        key,
        Step(
            id=key,
            verb=Verb.WAIT,
            subject=one.name,
            reason=f"until it is {condition}",
            target=one.name,
            service=one.service,
            after=(before,),
            options={"condition": condition},
        ),
    )


def _remove(project: str, mine: list[ContainerState], options: Mapping[str, Any]) -> Plan:
    running = [one for one in mine if one.status in RUNNING]
    if running and not options.get("stop"):
        names = ", ".join(one.name for one in running)
        if len(running) == len(mine):
            raise Refused(
                f"still running: {names}",
                attempted="remove containers of",
                target=project,
                advice="Stop them first, or pass --stop.",
            )
        mine = [one for one in mine if one not in running]
        notes: tuple[str, ...] = (f"still running, left alone: {names} (--stop stops them first)",)
    else:
        notes = ()
    steps: list[Step] = []
    for one in mine:
        steps += stop_and_remove(
            one,
            "removal was asked for",
            timeout_s=options.get("timeout_s"),
            volumes=bool(options.get("volumes")),
        )
    return Plan(project=project, steps=topological(steps), notes=notes)
