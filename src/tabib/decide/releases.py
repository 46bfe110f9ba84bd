"""Releases: what one is made of, and when a new one is due."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tabib.model.project import Project
from tabib.model.release import ImageIdentity, Release


def config_hash(project: Project, scale: Mapping[str, int]) -> str:
    """SHA-256 over all that a release pins of the configuration, 64 hex digits."""
    parts = [f"{s.name}={s.config_hash}*{scale.get(s.name, s.replicas)}" for s in _by_name(project)]
    parts += [f"network {n.name}={n.config_hash}" for n in project.networks.values()]
    parts += [f"volume {v.name}={v.config_hash}" for v in project.volumes.values()]
    # Care, copies and limits follow the release: what Compose's own hashes leave out counts too.
    extensions = {"": project.extensions.get("x-tabib")}
    extensions |= {f"service {s.name}": s.extension for s in _by_name(project)}
    parts += [
        f"x-tabib {of}={json.dumps(value, sort_keys=True, default=str)}"
        for of, value in extensions.items()
        if value
    ]
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def next_number(releases: Iterable[Release]) -> int:
    """One more than the highest; the first is 1."""
    return max((release.number for release in releases), default=0) + 1


def new_release(
    project: Project,
    model: Mapping[str, Any],
    images: Mapping[str, ImageIdentity],
    earlier: list[Release],
    *,
    engine_id: str,
    cluster: str,
    by: str,
    reason: str,
    scale: Mapping[str, int],
    now: datetime,
) -> Release:
    """The next release of the project, its verdict still ``pending``."""
    parent = next((one.number for one in earlier if one.verdict in ("good", "adopted")), None)
    return Release(
        number=next_number(earlier),
        project=project.name,
        engine_id=engine_id,
        cluster=cluster,
        created_at=now,
        by=by,
        reason=reason,
        config_hash=config_hash(project, scale),
        model=model,
        images=images,
        parent=parent,
    )


def _by_name(project: Project) -> list[Any]:
    return [project.services[name] for name in sorted(project.services)]
