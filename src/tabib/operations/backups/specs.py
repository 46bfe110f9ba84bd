"""How a service's container is made, for booting its image on restored data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tabib.decide.desired import Desired
from tabib.decide.specs import container_spec
from tabib.model import container as c
from tabib.model.container import ContainerSpec
from tabib.model.errors import UsageError
from tabib.operations.tools import Tools
from tabib.stores.seal import open_inspection, open_project

IDLE = ("sleep", "100000")
_LOOKED_AT = 100


async def spec_of(tools: Tools, project: str, service: str) -> ContainerSpec:
    """The spec of a service's first container, from its release, or from its inspection where the
    project was adopted; of a project that is down, from its last one.

    :raises UsageError: tabib knows no such service.
    """
    found = await _spec(tools, project, service)
    if found is None:
        raise UsageError(
            "tabib does not know how its container is made",
            attempted="look at data of",
            target=f"{project}/{service}",
            advice="Bring it up with `tabib up`, or take it into care with `tabib adopt`.",
        )
    return found


async def _spec(tools: Tools, project: str, service: str) -> ContainerSpec | None:
    """By the release that is in care, else by the newest one that has the service."""
    record = await tools.journal.care(tools.info.id, project)
    now = record.release if record is not None else None
    releases = await tools.journal.releases(tools.info.id, project, _LOOKED_AT)
    for release in sorted(releases, key=lambda one: (one.number != now, -one.number)):
        if "adopted" in release.model:
            found = await _inspected(tools, project, service, release.model["adopted"])
            if found is not None:
                return found
            continue
        model = await open_project(release.model, tools.vault)
        tools.secrets.know(model)
        wanted = model.services.get(service)
        if wanted is not None:
            desired = Desired(
                project=model, release=release.number, installation=tools.installation
            )
            return container_spec(desired, wanted, 1, None)
    return None


async def _inspected(
    tools: Tools, project: str, service: str, inspections: Mapping[str, Any]
) -> ContainerSpec | None:
    for name, sealed in inspections.items():
        inspection = await open_inspection(sealed, tools.vault)
        config = inspection.get("Config") or {}
        labels = config.get("Labels") or {}
        if labels.get(c.LABEL_SERVICE) == service:
            return ContainerSpec(
                name=name,
                project=project,
                service_name=service,
                slot=1,
                image=str(config.get("Image", "")),
                labels=labels,
                raw=tools.engine.recreate_body(inspection),
            )
    return None


def idle(spec: ContainerSpec, image: str) -> ContainerSpec:
    """A container of ``image`` that does nothing, with the mounts of ``spec``: for looking at plain
    files, whose service may need others to run."""
    service = {"entrypoint": list(IDLE), "command": [], "user": "0:0"}
    return replace(spec, image=image, service=service, raw=None, mounts=(), files=())
