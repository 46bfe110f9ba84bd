"""From a container's spec to the engine's creation body, and from that to a record.

The body has the shape of Engine API 1.41 ``POST /containers/create``, reduced to what the memory
engine acts on; a ``raw`` body (an adopted container) goes the same way.
"""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterable, Mapping
from typing import Any

from tabib.engines.memory.records import Health
from tabib.model.container import ContainerSpec, Json

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|h|m|s)")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NS = 1_000_000_000


def seconds(written: object, default: float = 0.0) -> float:
    """A Go duration (``1m30s``) or a number of seconds."""
    if written is None or written == "":
        return default
    if isinstance(written, int | float):
        return float(written)
    found = _DURATION.findall(str(written))
    return sum(float(number) * _UNIT_S[unit] for number, unit in found) if found else default


def signal_number(written: object, default: int = 15) -> int:
    """``SIGTERM``, ``TERM``, ``15`` or 15 → 15."""
    if written in (None, ""):
        return default
    text = str(written)
    if text.isdigit():
        return int(text)
    name = text if text.startswith("SIG") else f"SIG{text}"
    return int(signal.Signals[name])


def words(value: Any) -> list[str]:
    if value is None:
        return []
    return shlex.split(value) if isinstance(value, str) else [str(part) for part in value]


def body_of(spec: ContainerSpec) -> dict[str, Any]:
    """The creation body of ``spec``; for ``raw`` that body, under the spec's own labels."""
    if spec.raw is not None:
        raw = {key: value for key, value in spec.raw.items() if key not in ("Id", "Name", "name")}
        raw["Labels"] = {**(raw.get("Labels") or {}), **spec.labels}
        raw.setdefault("Image", spec.image)
        return raw
    service = spec.service
    body: dict[str, Any] = {
        "Image": spec.image,
        "Cmd": None if service.get("command") is None else words(service["command"]),
        "Entrypoint": None if service.get("entrypoint") is None else words(service["entrypoint"]),
        "Env": _environment(service.get("environment")),
        "Labels": dict(spec.labels),
        "ExposedPorts": {port: {} for port in _exposed(service)},
        "StopSignal": service.get("stop_signal") or "",
        "Healthcheck": _healthcheck(service.get("healthcheck")),
        "Tty": bool(service.get("tty") if spec.tty is None else spec.tty),
        "OpenStdin": bool(
            service.get("stdin_open") if spec.stdin_open is None else spec.stdin_open
        ),
        "User": str(service.get("user") or ""),
        "WorkingDir": service.get("working_dir") or "",
        "HostConfig": _host_config(spec),
        "NetworkingConfig": {
            "EndpointsConfig": {
                endpoint.network: {"Aliases": list(endpoint.aliases)}
                for endpoint in ([] if spec.network_mode else spec.endpoints)
            }
        },
    }
    if service.get("stop_grace_period") is not None:
        body["StopTimeout"] = seconds(service["stop_grace_period"])
    return body


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    service = spec.service
    name, _, count = _restart(service).partition(":")
    first = spec.endpoints[0].network if spec.endpoints else "none"
    return {
        "NetworkMode": spec.network_mode or first,
        "RestartPolicy": {"Name": name, "MaximumRetryCount": int(count or 0)},
        "PortBindings": _bindings(service.get("ports") or ()),
        "Init": bool(service.get("init")),
        "Memory": int(service.get("mem_limit") or 0),
        "Mounts": [
            {
                "Type": mount.type,
                "Source": mount.source,
                "Target": mount.target,
                "ReadOnly": mount.read_only,
                "Options": dict(mount.options),
            }
            for mount in spec.mounts
        ],
    }


def _restart(service: Json) -> str:
    if service.get("restart") is not None:
        return str(service["restart"])
    policy = (service.get("deploy") or {}).get("restart_policy")
    if policy is None or policy.get("condition") == "none":
        return "no"
    if policy.get("condition") == "on-failure":
        return f"on-failure:{policy.get('max_attempts') or 0}"
    return "always"


def _environment(written: Any) -> list[str]:
    if isinstance(written, Mapping):
        return [key if value is None else f"{key}={value}" for key, value in written.items()]
    return [str(item) for item in written or ()]


def _exposed(service: Json) -> list[str]:
    ports = [str(port) for port in service.get("expose") or ()]
    ports += [f"{p['target']}/{p.get('protocol', 'tcp')}" for p in service.get("ports") or ()]
    return [port if "/" in port else f"{port}/tcp" for port in ports]


def _bindings(ports: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        key = f"{port['target']}/{port.get('protocol', 'tcp')}"
        published = str(port.get("published") or "")
        found.setdefault(key, []).append({"HostIp": port.get("host_ip", ""), "HostPort": published})
    return found


def _healthcheck(written: Json | None) -> dict[str, Any] | None:
    if not written:
        return None
    if written.get("disable"):
        return {"Test": ["NONE"]}
    test = written.get("test")
    listed = ["CMD-SHELL", test] if isinstance(test, str) else list(test or ())
    return {
        "Test": listed,
        "Interval": round(seconds(written.get("interval")) * _NS),
        "Timeout": round(seconds(written.get("timeout")) * _NS),
        "Retries": int(written.get("retries") or 0),
        "StartPeriod": round(seconds(written.get("start_period")) * _NS),
    }


def health_of(config: Mapping[str, Any], image: Mapping[str, Any]) -> Health | None:
    """The effective check; the image's stands where the container's has no test."""
    own = config.get("Healthcheck") or {}
    base = image.get("Healthcheck") or {}
    test = own.get("Test") or base.get("Test") or []
    if not test or test[0] == "NONE":
        return None
    merged = {**base, **{key: value for key, value in own.items() if value}}
    return Health(
        test=tuple(test),
        interval_s=(merged.get("Interval") or 30 * _NS) / _NS,
        timeout_s=(merged.get("Timeout") or 30 * _NS) / _NS,
        retries=merged.get("Retries") or 3,
        start_period_s=(merged.get("StartPeriod") or 0) / _NS,
    )


def port_list(body: Mapping[str, Any], image: Mapping[str, Any]) -> list[tuple[int, str, str, int]]:
    """(container port, protocol, host address, host port); -1: any free host port."""
    bindings = (body.get("HostConfig") or {}).get("PortBindings") or {}
    exposed = {**(image.get("ExposedPorts") or {}), **(body.get("ExposedPorts") or {}), **bindings}
    found = []
    for key in exposed:
        number, _, protocol = key.partition("/")
        for binding in bindings.get(key) or ():
            wanted = int(binding.get("HostPort") or -1)
            found.append((int(number), protocol or "tcp", binding.get("HostIp") or "", wanted))
        if not bindings.get(key):
            found.append((int(number), protocol or "tcp", "", 0))
    return found
