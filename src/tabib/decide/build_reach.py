"""What is asked of a build beside what an engine can make and keep: platforms, attestations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabib.model import build as b
from tabib.model.build import BuildChoice, BuildSource
from tabib.model.errors import BuildFailed
from tabib.model.project import Project, Service

ATTESTATIONS = ("provenance", "sbom")
NO_REPOSITORY = "it has no `image:` that names a registry's repository"
_NO = ("false", "0", "disabled=true")
"""An attestation with one of these is asked not to be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """What a plan of builds is made from. ``builders``: those that the engine offers;
    ``platform``: the engine's own; ``single``: only one platform can be made, for it is to run;
    ``keeps_all``: the engine can keep images of several platforms, and attestations."""

    project: Project
    sources: Mapping[str, BuildSource]
    builders: frozenset[str] = frozenset({b.ENGINE})
    choice: BuildChoice = field(default_factory=BuildChoice)
    platform: str = ""
    single: bool = True
    keeps_all: bool = False


def platforms(building: Building, service: Service) -> tuple[str, ...]:
    """An image that is to run here is made for one platform: the service's, else the engine's."""
    wanted = tuple(service.spec["build"].get("platforms") or ())
    own = str(service.spec.get("platform") or "")
    if not wanted:
        return (own,) if own else ()
    if building.single and len(wanted) > 1:
        fitting = [one for one in (own, building.platform) if one in wanted]
        return ((*fitting, *wanted)[0],)
    return wanted


def attestations(building: Building, service: Service) -> dict[str, str]:
    """``provenance`` and ``sbom`` as asked for. An image that is to run here goes without them
    where the engine could not keep them."""
    said = {key: str(service.spec["build"].get(key) or "") for key in ATTESTATIONS}
    found = {key: value for key, value in {**said, **building.choice.attestations}.items() if value}
    return {} if building.single and not building.keeps_all else found


def beyond(building: Building, service: Service) -> str:
    """What of the image this engine cannot keep, in words; empty where it keeps it whole."""
    if building.keeps_all:
        return ""
    several = platforms(building, service)
    if len(several) > 1:
        return f"several platforms ({', '.join(several)})"
    asked = [key for key, value in attestations(building, service).items() if wanted(value)]
    return f"attestations ({', '.join(asked)})" if asked else ""


def check_result(building: Building, service: Service) -> None:
    """:raises BuildFailed: what comes out could not be kept, and is not pushed either."""
    more = beyond(building, service)
    if more and building.choice.push and not service.spec.get("image"):
        raise cannot(
            service,
            f"an image with {more} goes to a registry as it is built, and {NO_REPOSITORY}",
            "Give it an `image:`, such as registry.example.com/team/name:tag.",
        )
    if more and not building.choice.push:
        raise cannot(
            service,
            f"an image with {more} cannot be kept by this engine: its image store holds one "
            "platform of each image, and nothing beside it",
            "Push it to a registry as it is built: `tabib build --push`, with a builder that can "
            "do it (`docker buildx create --name NAME`, then `--builder NAME`). Or give the "
            "engine the containerd image store (Docker Engine 24 and newer), or ask for less.",
        )


def instance(building: Building, service: Service) -> str:
    """Which of buildx's builders: the engine's own makes no more than the engine keeps."""
    return building.choice.builder or ("" if beyond(building, service) else b.ENGINES_OWN)


def wanted(attestation: str) -> bool:
    return bool(attestation) and attestation.lower() not in _NO


def cannot(service: Service, happened: str, advice: str) -> BuildFailed:
    return BuildFailed(
        happened,
        attempted="build",
        target=f"service {service.name}",
        advice=advice,
        details={"image": service.image, "service": service.name},
    )
