"""What a container mounts: volumes, binds, and files that are secrets or configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.model.container import ContainerState, ImageState, InjectedFile, Mount
from tabib.model.project import FileObject, Project, Service


def anonymous_mounts(
    project: Project, service: Service, old: ContainerState, image: ImageState | None
) -> tuple[Mount, ...]:
    """Anonymous volumes of ``old`` that its successor reattaches by name."""
    named = {volume.name for volume in project.volumes.values()}
    mounts = tuple(
        Mount(type="volume", source=mount.name, target=mount.target, read_only=mount.read_only)
        for mount in old.mounts
        if mount.type == "volume" and mount.name not in named
    )
    return still_wanted(service, image, mounts)


def still_wanted(
    service: Service, image: ImageState | None, mounts: tuple[Mount, ...]
) -> tuple[Mount, ...]:
    """Those where the file or the image has an anonymous volume."""
    wanted = {
        str(entry.get("target"))
        for entry in service.spec.get("volumes") or ()
        if entry.get("type") == "volume" and not entry.get("source")
    } | set(image.volumes if image else ())
    return tuple(mount for mount in mounts if mount.target in wanted)


def mounted_volumes(project: Project, service: Service) -> dict[str, str]:
    """Target path → engine volume name, for each named volume of ``service``."""
    return {
        str(entry["target"]): project.volumes[entry["source"]].name
        for entry in service.spec.get("volumes") or ()
        if entry.get("type") == "volume" and entry.get("source") in project.volumes
    }


def all_mounts(
    project: Project, service: Service, inherited: tuple[Mount, ...]
) -> tuple[Mount, ...]:
    """Everything that ``service`` mounts; ``inherited`` volumes take their anonymous places."""
    taken = {mount.target: mount for mount in inherited}
    mounts: list[Mount] = []
    for entry in service.spec.get("volumes") or ():
        mount = _mount(project, entry)
        if mount.type == "volume" and not mount.source and mount.target in taken:
            mount = taken.pop(mount.target)
        else:
            taken.pop(mount.target, None)
        mounts.append(mount)
    mounts += taken.values()
    mounts += [
        Mount(type="bind", source=item.file, target=target, read_only=True)
        for item, target, _ in _file_objects(project, service)
        if item.file and item.content is None
    ]
    return tuple(mounts)


def _mount(project: Project, entry: Mapping[str, Any]) -> Mount:
    kind = str(entry.get("type", "volume"))
    source = str(entry.get("source") or "")
    if kind == "volume" and source in project.volumes:
        source = project.volumes[source].name
    return Mount(
        type=kind,
        source=source,
        target=str(entry["target"]),
        read_only=bool(entry.get("read_only", False)),
        options=entry.get(kind) or {},
    )


def _file_objects(
    project: Project, service: Service
) -> list[tuple[FileObject, str, Mapping[str, Any]]]:
    """(object, target path, reference) of each secret and config that ``service`` mounts."""
    found: list[tuple[FileObject, str, Mapping[str, Any]]] = []
    for kind, objects, default in (
        ("secrets", project.secrets, "/run/secrets/"),
        ("configs", project.configs, "/"),
    ):
        for reference in service.spec.get(kind) or ():
            source = str(reference["source"])
            target = str(reference.get("target") or source)
            if not target.startswith("/"):
                target = default + target
            found.append((objects[source], target, reference))
    return found


def injected_files(project: Project, service: Service) -> list[InjectedFile]:
    """Secrets and configs whose content is known, not only their file on the user's machine."""
    return [
        InjectedFile(
            path=target,
            content=item.content,
            uid=_number(reference.get("uid"), 10),
            gid=_number(reference.get("gid"), 10),
            mode=_number(reference.get("mode", 0o444), 8),
        )
        for item, target, reference in _file_objects(project, service)
        if item.content is not None
    ]


def _number(value: object, base: int) -> int:
    if isinstance(value, int):
        return value
    text = str(value or "0")
    return int(text, base) if text.removeprefix("0o").isdigit() else 0
