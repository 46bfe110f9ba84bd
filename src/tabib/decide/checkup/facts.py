"""An engine's inspection of a container → what a checkup looks at. Secret values stay behind."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tabib.decide.labels import depends_on
from tabib.decide.redact import looks_secret, redact
from tabib.decide.secret_patterns import may_match
from tabib.decide.times import parse_time
from tabib.model import container as c
from tabib.model.checkup import Examined
from tabib.model.container import MountState, PortBinding

Json = Mapping[str, Any]

LABEL_IGNORE = "tabib.checkup.ignore"
LABEL_JOB = "tabib.job"
_TRIVIAL = frozenset({"", "true", "false", "yes", "no", "none", "null", "0", "1", "on", "off"})
_UNBOUNDED = ("", "-1", "0")
_CONDITION = "service_completed_successfully"


def awaited_jobs(inspections: Iterable[Json]) -> frozenset[tuple[str, str]]:
    """(project, service) of those whose end another service waits for."""
    found = set()
    for inspection in inspections:
        labels = _labels(inspection)
        for one in depends_on(str(labels.get(c.LABEL_DEPENDS_ON, ""))):
            if one.condition == _CONDITION:
                found.add((str(labels.get(c.LABEL_PROJECT, "")), one.service))
    return frozenset(found)


def examined(inspection: Json, jobs: Collection[tuple[str, str]] = ()) -> Examined:
    """The facts that an inspection tells; what only the machine, the recorder and tabib's own
    journal know is added by whoever has it. ``jobs``: see :func:`awaited_jobs`."""
    config, host = _part(inspection, "Config"), _part(inspection, "HostConfig")
    state, labels = _part(inspection, "State"), _labels(inspection)
    project = str(labels.get(c.LABEL_PROJECT, ""))
    service = str(labels.get(c.LABEL_SERVICE, ""))
    status = str(state.get("Status") or "")
    health = str(_part(state, "Health").get("Status") or "")
    logs = _part(host, "LogConfig")
    file = str(labels.get(c.LABEL_CONFIG_FILES, "")).partition(",")[0]
    return Examined(
        id=str(inspection.get("Id") or ""),
        name=str(inspection.get("Name") or "").lstrip("/"),
        project=project,
        service=service,
        config_file=file,
        oneoff=str(labels.get(c.LABEL_ONEOFF, "")).lower() == "true",
        job=(project, service) in jobs or str(labels.get(LABEL_JOB, "")).lower() == "true",
        ignored=ignored_codes(str(labels.get(LABEL_IGNORE, ""))),
        image=str(config.get("Image") or ""),
        image_id=str(inspection.get("Image") or ""),
        status=status,
        health="" if health == "none" else health,
        has_health_check=_has_check(config),
        exit_code=None if status in ("running", "paused") else _number(state.get("ExitCode")),
        oom_killed=bool(state.get("OOMKilled")),
        engine_error=str(state.get("Error") or ""),
        restarts=_number(inspection.get("RestartCount")),
        restart_policy=str(_part(host, "RestartPolicy").get("Name") or ""),
        started_at=parse_time(state.get("StartedAt")),
        finished_at=parse_time(state.get("FinishedAt")),
        memory_limit_bytes=_number(host.get("Memory")),
        pids_limit=max(0, _number(host.get("PidsLimit"))),
        user=str(config.get("User") or ""),
        privileged=bool(host.get("Privileged")),
        capabilities=_capabilities(host.get("CapAdd") or ()),
        host_namespaces=tuple(
            name
            for name, key in (("network", "NetworkMode"), ("pid", "PidMode"), ("ipc", "IpcMode"))
            if host.get(key) == "host"
        ),
        secret_names=secret_names([str(one) for one in config.get("Env") or ()]),
        log_driver=str(logs.get("Type") or ""),
        log_rotated=_rotated(logs),
        mounts=tuple(_mount(one) for one in inspection.get("Mounts") or ()),
        ports=_ports(inspection, host, running=status in c.RUNNING),
    )


def secret_names(environment: Iterable[str]) -> tuple[str, ...]:
    """The variables (``NAME=value``) that hold secrets: by their names, or by what values look
    like."""
    found = set()
    for entry in environment:
        name, _, value = entry.partition("=")
        if value.strip().lower() in _TRIVIAL:
            continue
        if looks_secret(name) or (may_match(value) and redact(value) != value):
            found.add(name)
    return tuple(sorted(found))


def ignored_codes(label: str) -> frozenset[str]:
    """``code, code`` of the label; patterns such as ``security.*`` too."""
    return frozenset(part.strip() for part in label.split(",") if part.strip())


def public_words(one: Examined) -> str:
    """What anybody may see of a container: names, image, places. A secret that stands in it
    (``postgres`` as PostgreSQL's password) is none that could be kept."""
    places = [part for mount in one.mounts for part in (mount.name, mount.source, mount.target)]
    return "\n".join([one.name, one.project, one.service, one.image, one.config_file, *places])


def _part(value: Json, key: str) -> Json:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _labels(inspection: Json) -> Json:
    return _part(_part(inspection, "Config"), "Labels")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _has_check(config: Json) -> bool:
    test = list(_part(config, "Healthcheck").get("Test") or ())
    return bool(test) and test[0] != "NONE"


def _capabilities(added: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({str(one).upper().removeprefix("CAP_") for one in added}))


def _rotated(logs: Json) -> bool:
    """Only ``json-file`` keeps all without end; the other drivers have bounds, or keep nothing."""
    if str(logs.get("Type") or "") != "json-file":
        return True
    return str(_part(logs, "Config").get("max-size") or "") not in _UNBOUNDED


def _mount(mount: Json) -> MountState:
    source = str(mount.get("Source") or "")
    return MountState(
        type=str(mount.get("Type") or "bind"),
        name=str(mount.get("Name") or ""),
        source=posixpath.normpath(source) if source else "",
        target=str(mount.get("Destination") or ""),
        read_only=mount.get("RW") is False,
    )


def _ports(inspection: Json, host: Json, *, running: bool) -> tuple[PortBinding, ...]:
    """What is published; of a container that does not run, what it asks for."""
    settings = _part(inspection, "NetworkSettings")
    shown = _part(settings, "Ports") if running else _part(host, "PortBindings")
    found = []
    for key, bindings in shown.items():
        number, _, protocol = str(key).partition("/")
        for binding in bindings or ():
            port = str(binding.get("HostPort") or "")
            if number.isdigit() and port.isdigit() and port != "0":
                found.append(
                    PortBinding(
                        container_port=int(number),
                        protocol=protocol or "tcp",
                        host_ip=str(binding.get("HostIp") or ""),
                        host_port=int(port),
                    )
                )
    return tuple(found)
