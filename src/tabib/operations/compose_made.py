"""The hashes that Docker Compose itself gives to containers that refer to other containers.

It puts ids into ``volumes_from`` and shared namespaces before it hashes (pkg/compose,
``resolveServiceReferences`` of 2.40.3), so the hash holds for these very containers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.compose.hashes import service_hash
from tabib.model.container import Observed
from tabib.model.project import Project

_SHARED = ("network_mode", "ipc", "pid")
_SERVICE = "service:"


def compose_hashes(project: Project, observed: Observed) -> dict[str, str]:
    """Service → hash, for services that refer to others whose containers are there."""
    first: dict[str, str] = {}
    for one in sorted(observed.containers, key=lambda one: one.slot):
        if one.project == project.name and not one.oneoff:
            first.setdefault(one.service, one.id)
    found = {}
    for name, service in project.services.items():
        resolved = _resolved(service.spec, first)
        if resolved is not None:
            found[name] = service_hash(resolved)
    return found


def _resolved(spec: Mapping[str, Any], ids: Mapping[str, str]) -> Mapping[str, Any] | None:
    """``spec`` with ids for services; None where it refers to none, or to one without any."""
    changed: dict[str, Any] = {}
    for key in _SHARED:
        value = str(spec.get(key) or "")
        if value.startswith(_SERVICE):
            changed[key] = f"container:{ids.get(value.removeprefix(_SERVICE), '')}"
    if spec.get("volumes_from"):
        changed["volumes_from"] = [_source(str(one), ids) for one in spec["volumes_from"]]
    values = [*changed.values(), *changed.get("volumes_from", ())]
    if not changed or any(value in ("", "container:") for value in values):
        return None
    # in place, so that the keys keep Compose's order
    return {key: changed.get(key, value) for key, value in spec.items()}


def _source(entry: str, ids: Mapping[str, str]) -> str:
    head, _, rest = entry.partition(":")
    return rest.partition(":")[0] if head == "container" else ids.get(head, "")
