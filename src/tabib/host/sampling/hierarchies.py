"""Where the control groups of a process are, in every arrangement of versions 1 and 2.

Sources: cgroups(7) for ``/proc/PID/cgroup``, proc_pid_mountinfo(5), cgroup_namespaces(7).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from tabib.host.sampling.files import read_text
from tabib.host.sampling.roots import Roots

UNIFIED = ""
CONTROLLERS = ("cpu", "cpuacct", "memory", "blkio", "pids")
"""Of version 1; in version 2 ``cpu`` and ``io`` tell what ``cpuacct`` and ``blkio`` do."""
_USUAL = "/sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted hierarchy: which part of it (``root``) can be seen where (``folder``)."""

    root: str
    folder: str

    def locate(self, path: str) -> str | None:
        """The folder of the group ``path``; None where it is outside of what can be seen."""
        if self.root == "/":
            return self.folder + path.rstrip("/")
        if path == self.root or path.startswith(f"{self.root}/"):
            return self.folder + path[len(self.root) :]
        return None


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """``v1``: by controller. ``unified``: version 2; in a hybrid arrangement there are both."""

    v1: Mapping[str, Hierarchy] = field(default_factory=dict)
    unified: Hierarchy | None = None

    def __bool__(self) -> bool:
        return bool(self.v1) or self.unified is not None


def mounted(roots: Roots) -> Hierarchies:
    """What this process sees; nothing where ``mountinfo`` cannot be read."""
    try:
        lines = read_text(f"{roots.proc}/self/mountinfo").splitlines()
    except OSError:
        return Hierarchies()
    v1: dict[str, Hierarchy] = {}
    unified = None
    for line in lines:
        before, _, after = line.partition(" - ")
        words, about = before.split(), after.split()
        if len(words) < 5 or len(about) < 3 or about[0] not in ("cgroup", "cgroup2"):
            continue
        folder = unescaped(words[4])
        if folder == _USUAL or folder.startswith(f"{_USUAL}/"):
            folder = f"{roots.cgroup}{folder[len(_USUAL) :]}"
        found = Hierarchy(unescaped(words[3]), folder)
        if about[0] == "cgroup2":
            unified = unified or found
        else:
            for controller in set(about[2].split(",")) & set(CONTROLLERS):
                v1.setdefault(controller, found)
    return Hierarchies(v1, unified)


def unescaped(text: str) -> str:
    """Spaces and the like stand as octal numbers in mountinfo: ``\\040``."""
    if "\\" not in text:
        return text
    for code, char in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        text = text.replace(f"\\{code}", char)
    return text


@dataclass(frozen=True, slots=True)
class Groups:
    """The folders of one container's groups. ``named``: its id stands in one of the paths, so the
    process is in the container."""

    named: bool
    v1: Mapping[str, str] = field(default_factory=dict)
    unified: str = ""
    """Empty where it has none of its own."""


def groups(text: str, container_id: str, hierarchies: Hierarchies) -> Groups:
    """The container's groups by ``/proc/PID/cgroup`` of its first process.

    The process may have gone into a group below (systemd, Docker in Docker): the container's own is
    the one that is named after it: ``…/docker/ID``, ``…/docker-ID.scope``, ``…/libpod-ID.scope``.
    """
    v1: dict[str, str] = {}
    unified, named = "", False
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        own = _own(parts[2], container_id)
        if own is None:
            continue
        named = True
        if parts[1] == UNIFIED:
            unified = _existing(hierarchies.unified, own)
            continue
        for controller in parts[1].split(","):
            folder = _existing(hierarchies.v1.get(controller), own)
            if folder:
                v1[controller] = folder
    return Groups(named, v1, unified)


def _own(path: str, container_id: str) -> str | None:
    """The path up to the last component that holds the id."""
    at = path.rfind(container_id)
    if at < 0 or not container_id:
        return None
    end = path.find("/", at)
    return path if end < 0 else path[:end]


def _existing(hierarchy: Hierarchy | None, path: str) -> str:
    folder = hierarchy.locate(path) if hierarchy else None
    return folder if folder and os.path.isdir(folder) else ""
