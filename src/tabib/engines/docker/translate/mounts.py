"""Mounts: which go as ``Binds`` and which as ``Mounts``, as Compose chooses.

Only ``Binds`` makes a missing host folder (moby issue 43483), and only ``Mounts`` carries
advanced options; so Compose sends plain volumes and binds of ``volumes:`` as the first, and
everything else (secrets, configs, anonymous volumes, tmpfs) as the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.engines.docker.translate.units import integer, present
from tabib.model.container import ContainerSpec, Mount

_RECURSIVE = {
    "disabled": "NonRecursive",
    "writable": "ReadOnlyNonRecursive",
    "readonly": "ReadOnlyForceRecursive",
}


def mount_fields(spec: ContainerSpec) -> dict[str, Any]:
    """``Binds`` and ``Mounts`` of the host configuration."""
    written = {str(entry.get("target")): entry for entry in spec.service.get("volumes") or ()}
    binds: list[str] = []
    mounts: list[dict[str, Any]] = []
    for mount in spec.mounts:
        entry = written.get(mount.target)
        if _is_plain(mount, entry):
            binds.append(_bind(mount))
        else:
            mounts.append(_mount(mount))
    return present({"Binds": binds, "Mounts": mounts})


def _is_plain(mount: Mount, entry: Mapping[str, Any] | None) -> bool:
    if mount.type == "volume":
        return bool(mount.source and entry and entry.get("source")) and not (
            {"labels", "subpath", "nocopy"} & {key for key, value in mount.options.items() if value}
        )
    if mount.type != "bind":
        return False
    if mount.options.get("propagation") or mount.options.get("recursive"):
        return False
    if mount.options.get("create_host_path"):
        return True
    # the long form without a `bind:` of its own makes the folder too; a secret's file does not
    return entry is not None and entry.get("type") == "bind" and entry.get("bind") is None


def _bind(mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw"]
    if mount.options.get("selinux"):
        options.append(str(mount.options["selinux"]))
    return f"{mount.source}:{mount.target}:{','.join(options)}"


def _mount(mount: Mount) -> dict[str, Any]:
    fields = {
        "Type": mount.type,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    builder = _OPTIONS.get(mount.type)
    options = builder(mount.options) if builder else {}
    return present({**fields, f"{mount.type.capitalize()}Options": options})


def _bind_options(options: Mapping[str, Any]) -> dict[str, Any]:
    fields = {
        "Propagation": options.get("propagation"),
        "CreateMountpoint": bool(options.get("create_host_path")),
    }
    recursive = _RECURSIVE.get(str(options.get("recursive")))
    if recursive:
        fields[recursive] = True
    return present(fields)


def _volume_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return present(
        {
            "NoCopy": bool(options.get("nocopy")),
            "Subpath": options.get("subpath"),
            "Labels": dict(options.get("labels") or {}),
        }
    )


def _tmpfs_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return present({"SizeBytes": integer(options.get("size")), "Mode": options.get("mode")})


def _image_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return present({"Subpath": options.get("subpath")})


_OPTIONS = {
    "bind": _bind_options,
    "volume": _volume_options,
    "tmpfs": _tmpfs_options,
    "image": _image_options,
}
"""Named pipes and cluster volumes have none."""
