"""The container's own half of a creation body (``Config``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tabib.engines.docker.translate.ports import exposed_ports
from tabib.engines.docker.translate.units import duration_ns, duration_s, integer, part, present
from tabib.model.container import ContainerSpec

START_INTERVAL_SINCE = (1, 44)


def container_config(spec: ContainerSpec, api: tuple[int, int]) -> dict[str, Any]:
    """``Config`` for ``spec``; an empty command or entrypoint list clears the image's."""
    service = spec.service
    stdin = _given(spec.stdin_open, service.get("stdin_open"))
    config: dict[str, Any] = present(
        {
            "Hostname": service.get("hostname"),
            "Domainname": service.get("domainname"),
            "User": service.get("user"),
            "WorkingDir": service.get("working_dir"),
            "StopSignal": service.get("stop_signal"),
            "Tty": _given(spec.tty, service.get("tty")),
            "OpenStdin": stdin,
            "Env": environment(service.get("environment") or {}),
            "ExposedPorts": exposed_ports(service),
            "Healthcheck": healthcheck(service.get("healthcheck"), api),
        }
    )
    if service.get("stop_grace_period") is not None:
        config["StopTimeout"] = duration_s(service["stop_grace_period"])
    for field, key in (("Cmd", "command"), ("Entrypoint", "entrypoint")):
        if service.get(key) is not None:
            config[field] = list(service[key])
    # a one-off that reads its input sees the end of it when the person's side closes
    once = spec.oneoff and stdin
    return config | {
        "Image": spec.image,
        "Labels": {**_strings(part(service, "labels")), **spec.labels},
        "AttachStdin": once,
        "StdinOnce": once,
        "AttachStdout": True,
        "AttachStderr": True,
    }


def environment(values: Mapping[str, Any]) -> list[str]:
    """``K=V`` for each; a null value is ``K`` alone, which unsets what the image sets."""
    return [key if value is None else f"{key}={value}" for key, value in values.items()]


def healthcheck(check: Mapping[str, Any] | None, api: tuple[int, int]) -> dict[str, Any] | None:
    """The health check; what is not given is inherited from the image."""
    if not check:
        return None
    if check.get("disable"):
        return {"Test": ["NONE"]}
    fields: dict[str, Any] = {
        "Test": list(_words(check.get("test"))),
        "Interval": duration_ns(check.get("interval")),
        "Timeout": duration_ns(check.get("timeout")),
        "StartPeriod": duration_ns(check.get("start_period")),
        "Retries": integer(check.get("retries")),
    }
    if api >= START_INTERVAL_SINCE:
        fields["StartInterval"] = duration_ns(check.get("start_interval"))
    return present(fields)


def _words(test: object) -> Iterable[str]:
    if isinstance(test, str):
        return ("CMD-SHELL", test)
    return test if isinstance(test, list | tuple) else ()


def _given(chosen: bool | None, written: object) -> bool:
    return bool(written) if chosen is None else chosen


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in values.items()}
