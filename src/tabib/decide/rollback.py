"""Whether a service's trouble began with a release, and whether going back is safe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tabib.model.incident import Case, Incident
from tabib.model.project import Project
from tabib.model.release import Release

BAKE_S = 600.0
"""Trouble that begins this long after a release may be its doing; ``x-tabib.rollout.bake``."""
UNDONE = "undo"
"""The first word of the reason of a release that a person made by ``--undo``."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DATABASE = re.compile(
    r"postgres|postgis|timescale|mysql|mariadb|percona|mongo|redis|valkey|keydb|cassandra|scylla"
    r"|elasticsearch|opensearch|clickhouse|influxdb|couchdb|couchbase|neo4j|cockroach|etcd|mssql"
    r"|rabbitmq|kafka|zookeeper|minio|vault|consul|pgvector|immich.*db|questdb|meilisearch|qdrant",
    re.IGNORECASE,
)
_MIGRATION = re.compile(
    r"\b(?:running|applying|applied|executing|performing|starting) (?:\w+ ){0,3}migrations?\b"
    r"|alembic\.runtime\.migration|\bflyway\b|\bliquibase\b|\bdb:migrate\b|\bmigrate deploy\b"
    r"|\bApplying \w+\.\d{4}_|\bmigrating (?:database|schema|to)\b"
    r"|\bmigrations? (?:applied|complete)",
    re.IGNORECASE,
)
_MIGRATES = re.compile(r"migrat|alembic|flyway|liquibase|db:schema", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """The release in care, as far as one service's trouble may be its doing."""

    number: int
    created_at: datetime
    changed: tuple[str, ...] = ()
    """What it changed of the service: ``image``, ``configuration``."""
    former: int | None = None
    """The last good release before it; None where there is none to go back to."""
    refused: str = ""
    """Why going back is not tabib's to do by itself; ``""`` where it is."""
    bake_s: float = BAKE_S

    def began_with_it(self, at: datetime) -> bool:
        """Whether trouble at ``at`` began within its bake time."""
        return bool(self.changed) and at - self.created_at <= timedelta(seconds=self.bake_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A release with its project, opened."""

    release: Release
    project: Project


def release_facts(
    current: Version,
    former: Version | None,
    case: Case,
    incidents: Iterable[Incident] = (),
) -> ReleaseFacts:
    """The facts of ``case``'s service. ``former``: the last good release before ``current``;
    ``incidents``: the project's of late."""
    release = current.release
    bake_s = _bake_s(current, case.service)
    if former is None:
        return ReleaseFacts(number=release.number, created_at=release.created_at, bake_s=bake_s)
    return ReleaseFacts(
        number=release.number,
        created_at=release.created_at,
        changed=_changed(former, current, case.service),
        former=former.release.number if _was_well(case.service, release, incidents) else None,
        refused=_refused(former, current, case),
        bake_s=bake_s,
    )


def former_release(current: Release, releases: Iterable[Release]) -> Release | None:
    """The last good one before ``current`` of ``releases`` (newest first) that holds a model."""
    for one in releases:
        if one.number < current.number and one.verdict == "good":
            return one if "services" in one.model else None
    return None


def differing(former: Version, current: Version) -> tuple[str, ...]:
    """Services of ``former`` that ``current`` runs otherwise, or not at all."""
    return tuple(
        name
        for name in former.project.services
        if name not in current.project.services or _changed(former, current, name)
    )


def _spec(version: Version, service: str) -> Mapping[str, Any]:
    found = version.project.services.get(service)
    return found.spec if found else {}


def _bake_s(current: Version, service: str) -> float:
    found = current.project.services.get(service)
    written = str(((found.extension if found else {}).get("rollout") or {}).get("bake") or "")
    parts = _DURATION.findall(written)
    if not parts or _DURATION.sub("", written):
        return BAKE_S
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _changed(former: Version, current: Version, service: str) -> tuple[str, ...]:
    before, after = _spec(former, service), _spec(current, service)
    if not before:
        return ()  # it is new: there is nothing to go back to
    found = []
    old, new = former.release.images.get(service), current.release.images.get(service)
    other_image = old is not None and new is not None and old.image_id != new.image_id
    if before.get("image") != after.get("image") or other_image:
        found.append("image")
    if {**before, "image": ""} != {**after, "image": ""}:
        found.append("configuration")
    return tuple(found)


def _was_well(service: str, current: Release, incidents: Iterable[Incident]) -> bool:
    """Whether nothing was wrong with the service when ``current`` was made."""
    return not any(
        one.service == service
        and one.opened_at < current.created_at
        and (one.closed_at is None or one.closed_at >= current.created_at)
        for one in incidents
    )


def _refused(former: Version, current: Version, case: Case) -> str:
    if current.release.reason.startswith(UNDONE):
        return f"a person went back to it ({current.release.reason})"
    for name in differing(former, current):
        spec = _spec(current, name)
        image = str(spec.get("image") or "")
        if (
            "image" in _changed(former, current, name)
            and _DATABASE.search(image.rpartition("/")[2])
            and _keeps_data(spec)
        ):
            return f"{name} keeps data, and the image of a database was changed: {image}"
    for name in current.project.services:
        if _changed(former, current, name) or name not in former.project.services:
            spec = _spec(current, name)
            command = f"{name} {spec.get('command') or ''} {spec.get('entrypoint') or ''}"
            if _MIGRATES.search(command):
                return f"a migration is part of the release ({name})"
    if any(_MIGRATION.search(line[:1000]) for line in case.log_tail):
        return "a migration was seen in the log"
    return ""


def _keeps_data(spec: Mapping[str, Any]) -> bool:
    return any(
        one.get("type") in ("volume", "bind") and one.get("source")
        for one in spec.get("volumes") or ()
        if isinstance(one, Mapping)
    )
