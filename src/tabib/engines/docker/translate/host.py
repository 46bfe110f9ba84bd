"""The host's half of a creation body (``HostConfig``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tabib.engines.docker.translate.mounts import mount_fields
from tabib.engines.docker.translate.network import container_links, network_mode
from tabib.engines.docker.translate.ports import port_bindings
from tabib.engines.docker.translate.resources import resource_fields
from tabib.engines.docker.translate.units import integer, part, present
from tabib.model.container import LABEL_WORKING_DIR, ContainerSpec
from tabib.model.errors import ConfigError

ANNOTATIONS_SINCE = (1, 43)
_UNCONFINED_PATHS = "systempaths=unconfined"


def host_config(spec: ContainerSpec, api: tuple[int, int]) -> dict[str, Any]:
    """``HostConfig`` for ``spec``.

    :raises ConfigError: a seccomp profile cannot be read.
    """
    service = spec.service
    options = [str(option) for option in service.get("security_opt") or ()]
    fields = present(
        {
            **mount_fields(spec),
            **resource_fields(service),
            **_namespaces(service),
            **_rights(service),
            **_name_resolution(service),
            "NetworkMode": network_mode(spec),
            "Links": container_links(spec),
            "PortBindings": port_bindings(service),
            "RestartPolicy": restart_policy(service),
            "SecurityOpt": _security_options(spec, options),
            "ShmSize": integer(service.get("shm_size")),
            "Sysctls": _strings(part(service, "sysctls")),
            "StorageOpt": _strings(part(service, "storage_opt")),
            "Tmpfs": _tmpfs(service.get("tmpfs")),
            "VolumeDriver": service.get("volume_driver"),
            "VolumesFrom": [
                str(name).removeprefix("container:") for name in service.get("volumes_from") or ()
            ],
            "LogConfig": _logging(part(service, "logging")),
            "OomScoreAdj": integer(service.get("oom_score_adj")),
        }
    )
    if _UNCONFINED_PATHS in map(_with_equals, options):
        # an empty list means "mask nothing"; leaving it out would mean the engine's default
        fields |= {"MaskedPaths": [], "ReadonlyPaths": []}
    if service.get("init") is not None:
        fields["Init"] = bool(service["init"])
    if service.get("annotations") and api >= ANNOTATIONS_SINCE:
        fields["Annotations"] = _strings(service["annotations"])
    return fields


def restart_policy(service: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's restart policy; ``deploy.restart_policy`` wins, as in Compose.

    A retry count is kept for ``on-failure`` alone: the engine refuses it elsewhere.
    """
    deployed = part(service, "deploy").get("restart_policy")
    if deployed is not None:
        name = str(deployed.get("condition") or "any")
        attempts = integer(deployed.get("max_attempts"))
    else:
        name, _, count = str(service.get("restart") or "").partition(":")
        attempts = int(count) if count.isdigit() else 0
    name = {"none": "no", "any": "always"}.get(name, name)
    if name == "on-failure" and attempts:
        return {"Name": name, "MaximumRetryCount": attempts}
    return present({"Name": name})


def _capability(name: str) -> str:
    """The kernel's name; Docker's own short form is what people write."""
    name = name.upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def _namespaces(service: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "IpcMode": service.get("ipc"),
        "PidMode": service.get("pid"),
        "UTSMode": service.get("uts"),
        "UsernsMode": service.get("userns_mode"),
        "CgroupnsMode": service.get("cgroup"),
        "Runtime": service.get("runtime"),
        "Isolation": service.get("isolation"),
    }


def _rights(service: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "CapAdd": [_capability(str(name)) for name in service.get("cap_add") or ()],
        "CapDrop": [_capability(str(name)) for name in service.get("cap_drop") or ()],
        "Privileged": bool(service.get("privileged")),
        "ReadonlyRootfs": bool(service.get("read_only")),
        "GroupAdd": [str(group) for group in service.get("group_add") or ()],
    }


def _name_resolution(service: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Dns": list(_listed(service.get("dns"))),
        "DnsSearch": list(_listed(service.get("dns_search"))),
        "DnsOptions": list(_listed(service.get("dns_opt"))),
        "ExtraHosts": [_host_entry(str(entry)) for entry in service.get("extra_hosts") or ()],
    }


def _host_entry(entry: str) -> str:
    name, equals, address = entry.partition("=")
    return f"{name}:{address.strip('[]')}" if equals else entry


def _security_options(spec: ContainerSpec, options: list[str]) -> list[str]:
    result = []
    for option in options:
        if _with_equals(option) == _UNCONFINED_PATHS:
            continue
        key, _, value = _with_equals(option).partition("=")
        if key == "seccomp" and value not in ("", "unconfined", "builtin"):
            option = f"seccomp={_seccomp_profile(value, spec)}"
        result.append(option)
    return result


def _seccomp_profile(value: str, spec: ContainerSpec) -> str:
    """The engine wants the profile itself; the Compose file names a file beside it."""
    if value.lstrip().startswith("{"):
        return value
    path = Path(spec.labels.get(LABEL_WORKING_DIR, "/")) / value
    try:
        return msgspec.json.format(path.read_text(encoding="utf-8"), indent=-1)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"the seccomp profile {path} cannot be read: {error}",
            attempted="create container",
            target=spec.name,
            advice="Correct `security_opt:`; the path is relative to the project's folder.",
        ) from error


def _with_equals(option: str) -> str:
    """``key:value`` is the old form of ``key=value``."""
    return option if "=" in option else option.replace(":", "=", 1)


def _tmpfs(entries: object) -> dict[str, str]:
    pairs = (str(entry).partition(":") for entry in _listed(entries))
    return {path: options for path, _, options in pairs}


def _logging(logging: Mapping[str, Any]) -> dict[str, Any]:
    return present({"Type": logging.get("driver"), "Config": _strings(part(logging, "options"))})


def _listed(value: object) -> Iterable[object]:
    if isinstance(value, list | tuple):
        return value
    return (value,) if value else ()


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in values.items()}
