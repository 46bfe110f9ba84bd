"""Who uses whom in a project, by what its file says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tabib.decide.labels import dependencies
from tabib.model.container import ContainerState
from tabib.model.project import Project

_CHARACTERS = 4096


def calls(project: Project) -> dict[str, frozenset[str]]:
    """Service → those that it uses: what it depends on or links to, and whose name stands as a host
    in its environment or its command (``DATABASE_URL=postgres://db/shop``)."""
    names = set(project.services)
    found = {}
    for service in project.services.values():
        used = {edge.service for edge in service.depends_on}
        used |= {str(link).partition(":")[0] for link in service.spec.get("links") or ()}
        used |= _named(_texts(service.spec), names)
        found[service.name] = frozenset((used & names) - {service.name})
    return found


def calls_of(containers: Iterable[ContainerState]) -> dict[str, frozenset[str]]:
    """The same by the labels of containers, where there is no file."""
    found: dict[str, frozenset[str]] = {}
    for one in containers:
        used = frozenset(edge.service for edge in dependencies(one))
        found[one.service] = found.get(one.service, frozenset()) | used
    return found


def _texts(spec: Mapping[str, Any]) -> Iterable[str]:
    environment = spec.get("environment") or {}
    values = environment.values() if isinstance(environment, Mapping) else environment
    for value in values:
        if isinstance(value, str):
            yield value
    for key in ("command", "entrypoint"):
        words = spec.get(key) or ()
        yield words if isinstance(words, str) else " ".join(map(str, words))


def _named(texts: Iterable[str], names: Iterable[str]) -> set[str]:
    """Names that stand where hosts stand: alone, after ``//``, ``@`` or ``=``, before a port."""
    text = "\n".join(each[:_CHARACTERS] for each in texts)
    if not text:
        return set()
    found = set()
    for name in names:
        if name not in text:
            continue
        host = re.escape(name)
        if re.search(rf"(?m)(?://|@|^|[=,\s]){host}(?::\d|/|$)|(?://|@){host}(?![\w.-])", text):
            found.add(name)
    return found


def used_by(service: str, graph: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """What ``service`` uses, directly or through others."""
    used: set[str] = set()
    todo = list(graph.get(service, ()))
    while todo:
        each = todo.pop()
        if each not in used:
            used.add(each)
            todo += graph.get(each, ())
    return frozenset(used - {service})
