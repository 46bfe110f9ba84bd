"""What Docker Compose creates on an engine, in a form that can be compared."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support import compose_oracle, real_engine
from tabib.model.container import ContainerSpec, Endpoint, InjectedFile, Mount


async def compose(folder: Path, *argv: str) -> str:
    """Run Compose in ``folder`` against the tests' engine; what it printed."""
    env = {**os.environ, "DOCKER_HOST": real_engine.address().url}
    answer = await asyncio.to_thread(compose_oracle.ask, list(argv), cwd=folder, env=env)
    assert answer.code == 0, answer.err
    return answer.out


async def config(folder: Path) -> Mapping[str, Any]:
    """The canonical model of the Compose file in ``folder``."""
    found: Mapping[str, Any] = json.loads(await compose(folder, "config", "--format", "json"))
    return found


def spec_of(
    model: Mapping[str, Any], service: str, labels: Mapping[str, str], names: Mapping[str, str]
) -> ContainerSpec:
    """The container of ``service`` as the planner would ask for it.

    ``names``: service → container name, for what refers to another service.
    """
    project = str(model["name"])
    canonical = dict(model["services"][service])
    name = f"{project}-{service}-1"
    volumes = {key: value["name"] for key, value in (model.get("volumes") or {}).items()}
    mode = str(canonical.get("network_mode") or "")
    for key in ("pid", "ipc"):
        canonical[key] = _resolved(str(canonical.get(key) or ""), names)
    canonical["links"] = [
        f"{names[link.partition(':')[0]]}:{link.partition(':')[2] or link}"
        for link in canonical.get("links") or ()
    ]
    canonical["volumes_from"] = [
        names.get(entry.partition(":")[0], entry) for entry in canonical.get("volumes_from") or ()
    ]
    return ContainerSpec(
        name=name,
        project=project,
        service_name=service,
        slot=1,
        image=canonical["image"],
        service=canonical,
        labels=labels,
        mounts=_mounts(model, canonical, volumes),
        endpoints=_endpoints(model, canonical, service, name),
        network_mode=_resolved(mode, names),
        files=_files(model, canonical),
    )


def _resolved(mode: str, names: Mapping[str, str]) -> str:
    if mode.startswith("service:"):
        return f"container:{names[mode.removeprefix('service:')]}"
    return mode


def _mounts(
    model: Mapping[str, Any], canonical: Mapping[str, Any], volumes: Mapping[str, str]
) -> tuple[Mount, ...]:
    mounts = [
        Mount(
            type=entry["type"],
            source=volumes.get(entry.get("source", ""), entry.get("source", "")),
            target=entry["target"],
            read_only=entry.get("read_only", False),
            options=entry.get(entry["type"]) or {},
        )
        for entry in canonical.get("volumes") or ()
    ]
    for entry in canonical.get("secrets") or ():
        file = model["secrets"][entry["source"]].get("file")
        if file:
            mounts.append(Mount(type="bind", source=file, target=entry["target"], read_only=True))
    return tuple(mounts)


def _endpoints(
    model: Mapping[str, Any], canonical: Mapping[str, Any], service: str, name: str
) -> tuple[Endpoint, ...]:
    wanted = canonical.get("networks") or {}
    order = sorted(wanted, key=lambda key: (-int((wanted[key] or {}).get("priority", 0)), key))
    return tuple(
        Endpoint(
            network=model["networks"][key]["name"],
            aliases=(name, service, *((wanted[key] or {}).get("aliases") or ())),
            options=wanted[key] or {},
        )
        for key in order
    )


def _files(model: Mapping[str, Any], canonical: Mapping[str, Any]) -> tuple[InjectedFile, ...]:
    return tuple(
        InjectedFile(path=entry.get("target") or f"/{entry['source']}", content=content)
        for entry in canonical.get("configs") or ()
        if (content := model["configs"][entry["source"]].get("content")) is not None
    )


def comparable(inspection: Mapping[str, Any]) -> dict[str, Any]:
    """What of an inspection was asked for; ids, times, paths and addresses are the engine's."""
    short_id = inspection["Id"][:12]
    settings = dict(inspection["Config"])
    settings["Env"] = sorted(settings.get("Env") or ())
    settings["Hostname"] = settings["Hostname"].replace(short_id, "")
    settings["ExposedPorts"] = sorted(
        port if "/" in port else f"{port}/tcp" for port in settings.get("ExposedPorts") or ()
    )
    host = dict(inspection["HostConfig"])
    host["Ulimits"] = sorted(host.get("Ulimits") or (), key=lambda limit: str(limit["Name"]))
    for key in ("Binds", "ExtraHosts", "Links", "CapAdd", "Dns"):
        host[key] = sorted(host.get(key) or ())
    for key in ("NetworkMode", "PidMode", "IpcMode"):
        # the other container is another one by now
        host[key] = "container" if host[key].startswith("container:") else host[key]
    host["VolumesFrom"] = len(host.get("VolumesFrom") or ())
    host["Mounts"] = sorted(host.get("Mounts") or (), key=lambda mount: str(mount["Target"]))
    for mount in host["Mounts"]:
        for key in [key for key, value in mount.items() if value in ({}, "", False)]:
            del mount[key]
    for key in ("OomKillDisable", "RestartPolicy", "Init", "Tmpfs", "Sysctls", "PortBindings"):
        host[key] = host.get(key) or None
    if host["RestartPolicy"] in (
        {"Name": "", "MaximumRetryCount": 0},
        {"Name": "no", "MaximumRetryCount": 0},
    ):
        host["RestartPolicy"] = None
    mounts = [
        {key: value for key, value in mount.items() if key not in ("Name", "Source")}
        if len(str(mount.get("Name"))) == 64
        else mount
        for mount in inspection["Mounts"]
    ]
    return {
        "Path": inspection["Path"],
        "Args": inspection["Args"],
        **{f"Config.{key}": value for key, value in settings.items()},
        **{f"HostConfig.{key}": value for key, value in host.items()},
        "Mounts": sorted(mounts, key=lambda mount: str(mount["Destination"])),
        "Networks": {
            name: _network(network, short_id)
            for name, network in inspection["NetworkSettings"]["Networks"].items()
        },
    }


def _network(network: Mapping[str, Any], short_id: str) -> dict[str, Any]:
    return {
        "Aliases": sorted(set(network.get("Aliases") or ()) - {short_id}),
        "IPAMConfig": network.get("IPAMConfig") or None,
        "Links": sorted(network.get("Links") or ()),
        "DriverOpts": network.get("DriverOpts") or None,
    }
