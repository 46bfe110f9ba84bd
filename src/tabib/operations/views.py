"""What reading commands show: rows by the JSON contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tabib.decide.redact import Redactor
from tabib.model import container as c
from tabib.model.codec import builtins
from tabib.model.container import ContainerState, EngineInfo
from tabib.model.incident import Incident
from tabib.model.release import CareRecord, Release


def container_row(
    state: ContainerState, info: EngineInfo, cluster: str, halted: str = "", backup: str = ""
) -> dict[str, Any]:
    """A row of ``ps``. ``halted``: why care does not start it (``stopped``, ``quarantined``, …);
    ``backup``: whether its data has a copy (``covered``, ``pending``, ``none``)."""
    return {
        "project": state.project,
        "service": state.service,
        "slot": state.slot,
        "name": state.name,
        "id": state.id,
        "image": state.image,
        "state": state.status,
        "health": state.health,
        "release": state.release,
        "cluster": cluster,
        "node": info.hostname,
        "started_at": builtins(state.started_at),
        "restarts": state.restarts,
        "exit_code": state.exit_code if state.status in ("exited", "dead") else None,
        "created_at": builtins(state.created_at),
        "oneoff": state.oneoff,
        "halted": halted,
        "backup": backup,
        "ports": [builtins(port) for port in state.ports],
        "labels": Redactor().tree(dict(state.labels)),
    }


def project_rows(
    containers: Iterable[ContainerState], records: Iterable[CareRecord]
) -> list[dict[str, Any]]:
    """Rows of ``ls``: every Compose project on the engine, and those in care that are down."""
    groups: dict[str, list[ContainerState]] = {}
    for one in containers:
        if one.project and not one.oneoff:
            groups.setdefault(one.project, []).append(one)
    care = {record.project: record for record in records}
    return [
        _project_row(name, groups.get(name, []), care.get(name))
        for name in sorted({*groups, *care})
    ]


def _project_row(
    name: str, containers: list[ContainerState], record: CareRecord | None
) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for one in containers:
        counts[one.status] = counts.get(one.status, 0) + 1
    files = next((one.labels.get(c.LABEL_CONFIG_FILES, "") for one in containers), "")
    if not files and record:
        files = ",".join(record.files)
    releases = [one.release for one in containers if one.release is not None]
    return {
        "project": name,
        "status": ", ".join(f"{state}({n})" for state, n in sorted(counts.items())) or "down",
        "containers": len(containers),
        "running": counts.get("running", 0),
        "unhealthy": sum(one.health == "unhealthy" for one in containers),
        "config_files": [file for file in files.split(",") if file],
        "care": record.mode if record else "observe",
        "adopted": bool(record and record.adopted),
        "in_care": record is not None,
        "release": (record.release if record else None) or max(releases, default=None),
    }


def release_row(release: Release) -> dict[str, Any]:
    """A row of ``releases``."""
    return {
        "number": release.number,
        "project": release.project,
        "cluster": release.cluster,
        "created_at": builtins(release.created_at),
        "by": release.by,
        "reason": release.reason,
        "images": {name: image.value for name, image in release.images.items()},
        "config_hash": release.config_hash,
        "verdict": release.verdict,
        "backup": release.backup,
        "parent": release.parent,
    }


def incident_row(incident: Incident) -> dict[str, Any]:
    """A row of ``incidents``: the noun's own fields are the contract."""
    row: Mapping[str, Any] = builtins(incident)
    return dict(row)


def image_rows(
    containers: Iterable[ContainerState], images: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Rows of ``images``: which image each container was made from."""
    rows = []
    for one in containers:
        image = images.get(one.image_id) or images.get(one.image)
        repository, _, tag = one.image.rpartition(":") if ":" in one.image else (one.image, "", "")
        if "/" in tag:
            repository, tag = one.image, ""
        rows.append(
            {
                "container": one.name,
                "service": one.service,
                "repository": repository or one.image,
                "tag": tag or "latest",
                "id": one.image_id,
                "size_bytes": image.size_bytes if image else None,
                "platform": image.platform if image else "",
            }
        )
    return rows
