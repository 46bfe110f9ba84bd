"""Networks and volumes of a project: what is to be created, and what is left alone and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tabib.decide.desired import Desired
from tabib.decide.specs import network_spec, volume_spec
from tabib.model import container as c
from tabib.model.container import RUNNING, ContainerState, NetworkState, Observed
from tabib.model.errors import ConfigError
from tabib.model.plan import Step, Verb
from tabib.model.project import Network, Service, Volume


@dataclass(slots=True)
class Infrastructure:
    """Steps for networks and volumes, and what containers need to know of them."""

    steps: list[Step] = field(default_factory=list)
    ready: dict[str, str] = field(default_factory=dict)
    """``network:<name>`` or ``volume:<name>`` → id of the step that creates it."""
    replaced_networks: dict[str, NetworkState] = field(default_factory=dict)
    """Networks whose configuration changed: containers on them are recreated first."""
    network_ids: dict[str, str] = field(default_factory=dict)
    """Engine network name → id, for networks that stay."""
    notes: list[str] = field(default_factory=list)


def plan_infrastructure(
    desired: Desired, observed: Observed, services: Iterable[Service]
) -> Infrastructure:
    """What the networks and volumes of ``services`` need.

    :raises ConfigError: an external network or volume is not there.
    """
    result = Infrastructure()
    services = list(services)
    project = desired.project
    for key in dict.fromkeys(key for service in services for key in service.networks):
        _network(desired, observed, project.networks[key], services, result)
    for key in dict.fromkeys(key for service in services for key in service.volumes):
        _volume(desired, observed, project.volumes[key], result)
    return result


def _network(
    desired: Desired,
    observed: Observed,
    network: Network,
    services: list[Service],
    out: Infrastructure,
) -> None:
    # The engine allows several networks of one name: ours is the one with our label.
    found = [state for state in observed.networks if state.name == network.name]
    project = desired.project.name
    mine = next((s for s in found if s.labels.get(c.LABEL_PROJECT) == project), None)
    state = mine or (found[0] if found else None)
    if network.external:
        if state is None and network.name not in ("host", "none", "bridge"):
            raise _missing("network", network.name, f"docker network create {network.name}")
        if state:
            out.network_ids[network.name] = state.id
        return
    if state is None:
        out.steps.append(_create_network(desired, network, "it does not exist", ()))
        out.ready[f"network:{network.name}"] = f"network:{network.name}"
        return
    actual = state.labels.get(c.LABEL_CONFIG_HASH)
    if mine and actual and network.config_hash and actual != network.config_hash:
        stay = _who_stays(desired, observed, network.name, services)
        if not stay:
            out.replaced_networks[network.name] = state
            return
        out.notes.append(
            f"network {network.name} was made with another configuration than the file has now; it"
            f" stays as it is, because {', '.join(stay)} would have to leave it first"
        )
    if not mine:
        out.notes.append(
            f"network {network.name} exists but was not made for this project; it is used as it is"
            " (declare it external: true to say so)"
        )
    out.network_ids[network.name] = state.id


def _who_stays(
    desired: Desired, observed: Observed, network: str, services: list[Service]
) -> list[str]:
    """Running containers on ``network`` that this plan is not to touch: it cannot be replaced."""
    project, options = desired.project, desired.options
    worked_on = {service.name for service in services}

    def stays(one: ContainerState) -> bool:
        if one.project != project.name or one.oneoff:
            return True
        if desired.only is not None and one.name not in desired.only:
            return True
        known = one.service in project.services or one.service in project.disabled
        if not known:
            return not options.remove_orphans or desired.only is not None
        return one.service not in worked_on or options.no_recreate

    return [
        one.name
        for one in observed.containers
        if network in one.networks and one.status in RUNNING and stays(one)
    ]


def replace_networks(desired: Desired, out: Infrastructure, freed: dict[str, list[str]]) -> None:
    """Add the steps that remove and recreate changed networks, once containers have left them.

    ``freed``: network name → ids of the steps after which no container is attached.
    """
    by_name = {network.name: network for network in desired.project.networks.values()}
    for name, state in out.replaced_networks.items():
        removal = Step(
            id=f"remove-network:{name}",
            verb=Verb.REMOVE_NETWORK,
            subject=f"network {name}",
            reason="its configuration changed",
            target=state.id,
            after=tuple(freed.get(name, ())),
        )
        out.steps.append(removal)
        out.steps.append(
            _create_network(desired, by_name[name], "its configuration changed", (removal.id,))
        )
        out.ready[f"network:{name}"] = f"network:{name}"


def _create_network(
    desired: Desired, network: Network, reason: str, after: tuple[str, ...]
) -> Step:
    return Step(
        id=f"network:{network.name}",
        verb=Verb.CREATE_NETWORK,
        subject=f"network {network.name}",
        reason=reason,
        target=network.name,
        after=after,
        network=network_spec(desired.project, network),
    )


def _volume(desired: Desired, observed: Observed, volume: Volume, out: Infrastructure) -> None:
    state = next((s for s in observed.volumes if s.name == volume.name), None)
    if state is None:
        if volume.external:
            raise _missing("volume", volume.name, f"docker volume create {volume.name}")
        place = desired.places.get(volume.name) if volume.plain else None
        reason = "it does not exist"
        if place and place.existing:
            reason = "its name was removed; its data, kept by tabib, is attached again"
        out.steps.append(
            Step(
                id=f"volume:{volume.name}",
                verb=Verb.CREATE_VOLUME,
                subject=f"volume {volume.name}",
                reason=reason,
                target=volume.name,
                volume=volume_spec(desired.project, volume, place, desired.installation),
            )
        )
        out.ready[f"volume:{volume.name}"] = f"volume:{volume.name}"
        return
    if volume.external:
        return
    owner = state.labels.get(c.LABEL_PROJECT)
    if owner != desired.project.name:
        whose = f"belongs to project {owner}" if owner else "was not made for this project"
        out.notes.append(
            f"volume {volume.name} {whose}; it is used as it is"
            " (declare it external: true to say so)"
        )
    actual = state.labels.get(c.LABEL_CONFIG_HASH)
    if actual and volume.config_hash and actual != volume.config_hash:
        out.notes.append(
            f"volume {volume.name} was made with another configuration than the file has now; a"
            " volume is never replaced unasked, so it stays as it is"
        )


def _missing(kind: str, name: str, command: str) -> ConfigError:
    return ConfigError(
        f"{kind} {name} is declared external, but the engine has no such {kind}",
        attempted="use",
        target=f"{kind} {name}",
        advice=f"Create it ({command}), or remove 'external: true'.",
    )
