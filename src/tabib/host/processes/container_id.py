"""Which container a cgroup is of, by its path.

Forms: ``/docker/ID`` (cgroupfs driver), ``/system.slice/docker-ID.scope`` (systemd driver),
``/machine.slice/libpod-ID.scope``, ``/kubepods/burstable/podUID/ID``,
``…/cri-containerd-ID.scope``, ``…/crio-ID.scope``; a container may have cgroups below its own.
Of containers in containers it is the outermost, the one that the host's engine knows.
"""

from __future__ import annotations

import re

_ID = re.compile(r"(?<![0-9a-z])([0-9a-f]{64})(?=\.scope|[/\n]|$)")
_MONITOR = re.compile(r"(?:libpod-|crio-)conmon-$")
"""Podman's and CRI-O's monitor has a cgroup beside the container's, named after it."""


def container_of(cgroups: str) -> str:
    """The id in a cgroup's path, or in a whole ``/proc/PID/cgroup``; empty: none."""
    if len(cgroups) < 64:
        return ""
    found = _ID.search(cgroups)
    if found is None or _MONITOR.search(cgroups, 0, found.start()):
        return ""
    return found[1]
