"""Service of the file → specification of one container, network or volume on an engine.

Names, labels and mounts follow Docker Compose 2.40.3 (pkg/compose/create.go), so that Compose and
every other tool of the ecosystem see tabib's containers as their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tabib.decide.desired import Desired, VolumePlace
from tabib.decide.hooks import hook_labels
from tabib.decide.mounts import all_mounts, anonymous_mounts, injected_files, still_wanted
from tabib.model import container as c
from tabib.model.container import (
    ContainerSpec,
    ContainerState,
    Endpoint,
    ImageState,
    Mount,
    NetworkSpec,
    VolumeSpec,
)
from tabib.model.project import Network, Project, Service, Volume

COMPOSE_VERSION = "2.40.3"
"""The Compose release whose labels, hashes and names ours equal."""


def container_name(project: Project, service: Service, slot: int) -> str:
    """``container_name`` where given, else ``project-service-slot``."""
    return service.container_name or f"{project.name}-{service.name}-{slot}"


def container_spec(
    desired: Desired,
    service: Service,
    slot: int,
    image: ImageState | None,
    *,
    replaces: ContainerState | None = None,
) -> ContainerSpec:
    """The container in ``slot``; anonymous volumes of the one that it replaces come along."""
    project = desired.project
    name = container_name(project, service, slot)
    inherited: tuple[Mount, ...] = ()
    if not desired.options.renew_anonymous:
        inherited = (
            anonymous_mounts(project, service, replaces, image)
            if replaces
            else still_wanted(service, image, desired.kept_mounts.get(name, ()))
        )
    return ContainerSpec(
        name=name,
        project=project.name,
        service_name=service.name,
        slot=slot,
        image=service.image,
        service=_with_container_names(project, service),
        labels=_labels(desired, service, slot, image),
        mounts=all_mounts(project, service, inherited),
        endpoints=_endpoints(project, service, name),
        network_mode=_network_mode(project, service),
        files=tuple(injected_files(project, service)),
    )


def network_spec(project: Project, network: Network) -> NetworkSpec:
    """The network with Compose's labels."""
    labels = {
        **_string_map(network.spec.get("labels")),
        c.LABEL_CONFIG_HASH: network.config_hash,
        c.LABEL_NETWORK: network.key,
        c.LABEL_PROJECT: project.name,
        c.LABEL_VERSION: COMPOSE_VERSION,
    }
    return NetworkSpec(name=network.name, spec=network.spec, labels=labels)


def volume_spec(
    project: Project, volume: Volume, place: VolumePlace | None, installation: str
) -> VolumeSpec:
    """The volume with Compose's labels; ``place`` puts its data into a generation of ours."""
    labels = {
        **_string_map(volume.spec.get("labels")),
        c.LABEL_CONFIG_HASH: volume.config_hash,
        c.LABEL_PROJECT: project.name,
        c.LABEL_VOLUME: volume.key,
        c.LABEL_VERSION: COMPOSE_VERSION,
    }
    if place:
        labels[c.LABEL_VOLUME_ID] = place.id
        labels[c.LABEL_VOLUME_GENERATION] = str(place.generation)
        labels[c.LABEL_OWNER] = installation
    return VolumeSpec(
        name=volume.name,
        spec=volume.spec,
        labels=labels,
        directory=place.directory if place else "",
    )


def _labels(
    desired: Desired, service: Service, slot: int, image: ImageState | None
) -> dict[str, str]:
    project = desired.project
    edges = ",".join(
        f"{edge.service}:{edge.condition}:{str(edge.restart).lower()}"
        for edge in sorted(service.depends_on, key=lambda edge: edge.service)
    )
    labels = {
        **_string_map(service.spec.get("labels")),
        c.LABEL_PROJECT: project.name,
        c.LABEL_SERVICE: service.name,
        c.LABEL_NUMBER: str(slot),
        c.LABEL_ONEOFF: "False",
        c.LABEL_CONFIG_HASH: service.config_hash,
        c.LABEL_DEPENDS_ON: edges,
        c.LABEL_WORKING_DIR: project.working_dir,
        c.LABEL_CONFIG_FILES: ",".join(project.files),
        c.LABEL_IMAGE: image.id if image else "",
        c.LABEL_VERSION: COMPOSE_VERSION,
        **hook_labels(service.spec),
        c.LABEL_RELEASE: str(desired.release),
        c.LABEL_OWNER: desired.installation,
    }
    if project.environment_files:
        labels[c.LABEL_ENVIRONMENT_FILE] = ",".join(project.environment_files)
    return labels


def _endpoints(project: Project, service: Service, name: str) -> tuple[Endpoint, ...]:
    if service.spec.get("network_mode"):
        return ()
    declared = service.spec.get("networks") or {}
    result = []
    for key in service.networks:
        options = declared.get(key) or {}
        aliases = (name, service.name, *options.get("aliases", ()))
        result.append(
            Endpoint(
                network=project.networks[key].name,
                aliases=tuple(dict.fromkeys(aliases)),
                options=options,
            )
        )
    return tuple(result)


def _network_mode(project: Project, service: Service) -> str:
    mode = str(service.spec.get("network_mode") or "")
    if mode.startswith("service:"):
        other = project.services[mode.removeprefix("service:")]
        return f"container:{container_name(project, other, 1)}"
    if not mode and not service.networks:
        return "none"
    return mode


def _with_container_names(project: Project, service: Service) -> Mapping[str, Any]:
    """The canonical mapping with other services' names replaced by their first container's."""
    spec = dict(service.spec)

    def named(text: str) -> str:
        other = project.services.get(text)
        return container_name(project, other, 1) if other else text

    for key in ("pid", "ipc"):
        value = str(spec.get(key) or "")
        if value.startswith("service:"):
            spec[key] = f"container:{named(value.removeprefix('service:'))}"
    if spec.get("volumes_from"):
        spec["volumes_from"] = [_renamed(str(entry), named) for entry in spec["volumes_from"]]
    if spec.get("links"):
        # A link without alias answers to its service's name.
        written = [str(entry) for entry in spec["links"]]
        entries = [entry if ":" in entry else f"{entry}:{entry}" for entry in written]
        entries += [link for entry in entries for link in _numbered(project, entry)]
        spec["links"] = [_renamed(entry, named) for entry in entries]
    return spec


def _numbered(project: Project, entry: str) -> tuple[str, ...]:
    """A linked service whose container has a name of its own answers to the usual ones too."""
    name = entry.partition(":")[0]
    service = project.services.get(name)
    if service is None or not service.container_name:
        return ()
    return (f"{name}:{name}-1", f"{name}:{project.name}-{name}-1")


def _renamed(entry: str, named: Callable[[str], str]) -> str:
    """``service[:rest]`` with the container's name; ``container:name[:rest]`` stays."""
    head, colon, rest = entry.partition(":")
    if head == "container":
        return entry
    return f"{named(head)}{colon}{rest}"


def shared_containers(spec: ContainerSpec) -> tuple[str, ...]:
    """Names of other containers that must exist before this one can be created."""
    modes = [spec.network_mode, str(spec.service.get("pid")), str(spec.service.get("ipc"))]
    names = [mode.removeprefix("container:") for mode in modes if mode.startswith("container:")]
    entries = (*(spec.service.get("volumes_from") or ()), *(spec.service.get("links") or ()))
    names += [str(entry).removeprefix("container:").partition(":")[0] for entry in entries]
    return tuple(dict.fromkeys(names))


def _string_map(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): "" if item is None else str(item) for key, item in value.items()}
