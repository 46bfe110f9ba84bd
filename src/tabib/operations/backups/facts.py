"""Gathers who mounts what in a project: from its release, and from its containers as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tabib.compose.backup import backup_settings
from tabib.compose.extension import from_labels
from tabib.decide.backups.facts import Mounted, Origin
from tabib.model import container as c
from tabib.model.backup import Place
from tabib.model.container import ContainerState, Observed, VolumeState
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.project import Project, Service
from tabib.model.release import CareRecord, Release
from tabib.operations.tools import Tools

_ANONYMOUS = re.compile("[0-9a-f]{64}")
_TELLING = (
    "PGDATA",
    "POSTGRES_",
    "MYSQL_",
    "MARIADB_",
    "MONGO",
    "REDIS_",
    "VALKEY_",
    "ALLOW_EMPTY",
)
"""Variables whose names (and of ``PGDATA`` the value) tell a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A project as it is in care, and as it runs."""

    name: str
    record: CareRecord | None
    release: Release | None
    project: Project | None
    """As its release says; None where it was adopted, or is not in care."""
    observed: Observed
    """Everything on the engine."""
    containers: tuple[ContainerState, ...] = ()
    """The project's own."""
    settings: Any = None
    """The project's own ``x-tabib.backup``: ``false``, ``true``, a mapping, or None."""
    by_service: Mapping[str, Any] = field(default_factory=dict)
    """Service → its ``backup``, over the project's."""


async def known(tools: Tools, name: str, *, observed: Observed | None = None) -> Known:
    """What is known of the project called ``name``, in care or not. ``observed``: everything on the
    engine, where somebody has looked already.

    :raises StateUnusable: the journal or the vault cannot be read.
    """
    record = await tools.journal.care(tools.info.id, name)
    release = await current_release(tools, record) if record else None
    project = None
    if release is not None:
        project = await tools.models.of(release, tools.vault, tools.secrets)
    observed = observed or await tools.engine.observe(detail=False)
    containers = tuple(
        one
        for one in observed.containers
        if one.project == name and LABEL_HELPER not in one.labels and not one.oneoff
    )
    settings, by_service = _settings(project, containers)
    return Known(
        name=name,
        record=record,
        release=release,
        project=project,
        observed=observed,
        containers=containers,
        settings=settings,
        by_service=by_service,
    )


def as_written(found: Known, project: Project) -> Known:
    """What is known, with what the file says now of backups: it is about to be brought up."""
    settings, by_service = _settings(project, found.containers)
    return replace(found, settings=settings, by_service=by_service)


async def current_release(tools: Tools, record: CareRecord) -> Release | None:
    """The release that a project in care is to run."""
    for limit in (1, 100):  # nearly always the newest: the others need not be read
        for one in await tools.journal.releases(tools.info.id, record.project, limit):
            if record.release is None or one.number == record.release:
                return one
    return None


def _settings(
    project: Project | None, containers: Iterable[ContainerState]
) -> tuple[Any, dict[str, Any]]:
    by_service: dict[str, Any] = {}
    settings = None
    if project is not None:
        written = (project.extensions.get("x-tabib") or {}).get("backup")
        if written is not None:
            settings = backup_settings(written, lambda *_: None, service=False)
        for service in (*project.services.values(), *project.disabled.values()):
            by_service[service.name] = service.extension.get("backup")
    for one in containers:
        # Of an adopted project nothing but the labels is known.
        if one.service not in by_service:
            by_service[one.service] = from_labels(one.labels).get("backup")
    return settings, by_service


def mounts_of(known: Known) -> list[Mounted]:
    """Every mount of the project's services that could hold data: of its containers, and what its
    release says beyond them (a container, or a volume, may be gone)."""
    keys = {}
    if known.project is not None:
        keys = {volume.name: volume.key for volume in known.project.volumes.values()}
    labelled = {one.name: one.labels.get(c.LABEL_VOLUME, "") for one in known.observed.volumes}
    found: list[Mounted] = []
    for one in sorted(known.containers, key=lambda each: (each.service, each.slot)):
        found += _of_container(known, one, {**labelled, **keys})
    there = {(one.service, one.target) for one in found}
    if known.project is not None:
        for service in known.project.services.values():
            for mount in _of_model(known, known.project, service):
                if (mount.service, mount.target) not in there:
                    found.append(mount)
    return _without_repeats(found)


def _of_container(known: Known, one: ContainerState, keys: Mapping[str, str]) -> Iterable[Mounted]:
    service = known.project.services.get(one.service) if known.project else None
    for mount in one.mounts:
        if mount.type not in ("volume", "bind", "tmpfs"):
            continue
        source = mount.name if mount.type == "volume" else mount.source
        anonymous = mount.type == "volume" and _ANONYMOUS.fullmatch(mount.name) is not None
        yield Mounted(
            service=one.service,
            image=(service.image if service else "") or one.image,
            place=Place(type=mount.type, source=source or f"{one.name}:{mount.target}"),
            target=mount.target,
            read_only=mount.read_only,
            anonymous=anonymous,
            key="" if anonymous else keys.get(mount.name, ""),
            slot=one.slot or 1,
            environment=_telling(service),
            settings=known.by_service.get(one.service),
            since=one.created_at,
        )


def _of_model(known: Known, project: Project, service: Service) -> Iterable[Mounted]:
    entries = list(service.spec.get("volumes") or ())
    entries += [{"type": "tmpfs", "target": str(one).partition(":")[0]} for one in _tmpfs(service)]
    for entry in entries:
        kind, source = str(entry.get("type", "volume")), str(entry.get("source") or "")
        target = str(entry.get("target", ""))
        key = ""
        if kind == "volume" and source in project.volumes:
            key, source = source, project.volumes[source].name
        if kind == "tmpfs":
            source = f"{service.name}:{target}"
        if kind not in ("volume", "bind", "tmpfs") or not source:
            continue  # an anonymous volume that nobody has made yet
        yield Mounted(
            service=service.name,
            image=service.image,
            place=Place(type=kind, source=source),
            target=target,
            read_only=bool(entry.get("read_only", False)),
            key=key,
            environment=_telling(service),
            settings=known.by_service.get(service.name),
        )


def _tmpfs(service: Service) -> Sequence[Any]:
    written = service.spec.get("tmpfs") or ()
    return [written] if isinstance(written, str) else list(written)


def _telling(service: Service | None) -> dict[str, str]:
    """The names of variables that tell a database, without their values (they may be secrets)."""
    if service is None:
        return {}
    environment = service.spec.get("environment") or {}
    return {
        str(name): str(value or "") if name == "PGDATA" else ""
        for name, value in environment.items()
        if str(name).startswith(_TELLING)
    }


def _without_repeats(mounts: Iterable[Mounted]) -> list[Mounted]:
    """Replicas mount the same: of each service and place one is enough."""
    seen: dict[tuple[str, Place, str], Mounted] = {}
    for one in mounts:
        seen.setdefault((one.service, one.place, one.target), one)
    return list(seen.values())


def origins_of(known: Known, held: Mapping[str, tuple[str, int]]) -> dict[str, Origin]:
    """Volume's name → what its labels say of it; of one that is gone, what the journal has."""
    project = known.project
    external = {one.name for one in (project.volumes.values() if project else ()) if one.external}
    keys = {one.name: one.key for one in (project.volumes.values() if project else ())}
    found = {
        name: Origin(volume_id=id, generation=generation, key=keys.get(name, ""))
        for name, (id, generation) in held.items()
    }
    for one in known.observed.volumes:
        found[one.name] = _origin(one, keys.get(one.name, ""), one.name in external)
    return found


def _origin(volume: VolumeState, key: str, external: bool) -> Origin:
    generation = volume.labels.get(c.LABEL_VOLUME_GENERATION, "")
    return Origin(
        volume_id=volume.labels.get(c.LABEL_VOLUME_ID, ""),
        generation=int(generation) if generation.isdigit() else None,
        key=key or volume.labels.get(c.LABEL_VOLUME, ""),
        external=external,
    )
