"""Inspections for checkups: a service that is set up well, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tabib.decide.checkup import examine
from tabib.decide.checkup.facts import awaited_jobs, examined
from tabib.model.checkup import CheckupFinding, Observation

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
Json = dict[str, Any]


def inspection(name: str = "shop-web-1", **changes: Any) -> Json:
    """As the engine shows a healthy container of service ``web`` (or of ``name``'s). ``changes``:
    ``State__Health={…}`` sets a part of a part; a ``None`` leaves it out."""
    project, service, slot = name.split("-")
    found: Json = {
        "Id": f"{name:-<64}",
        "Name": f"/{name}",
        "Image": "sha256:" + "1" * 64,
        "RestartCount": 0,
        "Path": "/bin/web",
        "Args": [],
        "State": {
            "Status": "running", "Running": True, "OOMKilled": False, "ExitCode": 0, "Error": "",
            "StartedAt": (NOW - timedelta(days=3)).isoformat(), "Pid": 4711,
            "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": {"Status": "healthy", "Log": []},
        },
        "Config": {
            "Image": "registry.example.com/web:1.4", "User": "1000:1000", "Env": ["PATH=/bin"],
            "Healthcheck": {"Test": ["CMD", "/check"]},
            "Labels": {
                "com.docker.compose.project": project,
                "com.docker.compose.service": service,
                "com.docker.compose.container-number": slot,
                "com.docker.compose.project.config_files": f"/srv/{project}/compose.yaml",
            },
        },
        "HostConfig": {
            "Memory": 256 * 1024 * 1024, "PidsLimit": 200, "Privileged": False, "CapAdd": None,
            "NetworkMode": f"{project}_default", "PidMode": "", "IpcMode": "private",
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "PortBindings": {},
        },
        "Mounts": [],
        "NetworkSettings": {"Ports": {}},
    }  # fmt: skip
    for path, value in changes.items():
        *parts, last = path.split("__")
        place = found
        for part in parts:
            place = place[part]
        place[last] = value
    return found


def label(found: Json, name: str, value: str) -> Json:
    found["Config"]["Labels"][name] = value
    return found


def volume(name: str, target: str, *, writable: bool = True) -> Json:
    return {
        "Type": "volume", "Name": name, "Source": f"/var/lib/docker/volumes/{name}/_data",
        "Destination": target, "RW": writable,
    }  # fmt: skip


def bind(source: str, target: str, *, writable: bool = True) -> Json:
    return {"Type": "bind", "Source": source, "Destination": target, "RW": writable}


def published(container: int, host: int, ip: str = "0.0.0.0") -> Json:
    return {f"{container}/tcp": [{"HostIp": ip, "HostPort": str(host)}]}


def observed(inspections: Iterable[Mapping[str, Any]], **more: Any) -> Observation:
    """The observation of these containers, on a machine that is well."""
    all_ = list(inspections)
    jobs = awaited_jobs(all_)
    known = {"at": NOW, "memory_bytes": 16 * 1024**3}
    return Observation(containers=tuple(examined(one, jobs) for one in all_), **(known | more))


def codes(findings: Iterable[CheckupFinding]) -> dict[str, str]:
    """Code → severity."""
    return {one.code: one.severity for one in findings}


def found_in(*inspections: Mapping[str, Any], **more: Any) -> dict[str, str]:
    return codes(examine(observed(inspections, **more)))
