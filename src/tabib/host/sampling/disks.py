"""Room on file systems, by statvfs(3)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tabib.host.sampling.files import read_text
from tabib.host.sampling.hierarchies import unescaped
from tabib.host.sampling.roots import LOOK_AGAIN_TICKS, Roots
from tabib.model.sample import Missing, Reading, Subject

REMOTE = ("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "glusterfs", "fuse.sshfs", "fuse.glusterfs")
"""They can hang for minutes when their server does, and a look at them with them."""


class Disks:
    """The file systems that hold ``paths``, each once, by its mount point."""

    def __init__(self, engine_id: str, paths: Sequence[str], roots: Roots) -> None:
        self._engine_id = engine_id
        self._paths = tuple(paths)
        self._roots = roots
        self._subjects: dict[str, Subject] = {}
        self._points: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._wait = 0
        self.missing: dict[str, Missing] = {}

    def read(self) -> list[Reading]:
        """A reading of each; what is not there (yet) is left out."""
        self._look()
        readings = []
        for point, path in self._points.items():
            if self._kinds.get(point, "") in REMOTE:
                self._leave(point, self._kinds[point])
                continue
            try:
                figures = os.statvfs(path)
            except OSError:
                continue
            size, free = figures.f_blocks, figures.f_bavail
            inodes = figures.f_files or None
            values = (
                size * figures.f_frsize, free * figures.f_frsize,
                inodes, figures.f_favail if inodes else None,
            )  # fmt: skip
            readings.append(Reading(subject=self._subject(point), values=values))
        return readings

    def _look(self) -> None:
        """Which mount points hold the paths, anew every ``LOOK_AGAIN_TICKS``: the list of mounts
        grows with the containers."""
        if self._wait > 0 or not self._paths:
            self._wait -= 1
            return
        self._wait = LOOK_AGAIN_TICKS - 1
        self._kinds = mount_types(str(self._roots.proc))
        self._points = {}
        for path in self._paths:
            point = holder(path, self._kinds)
            if self._kinds.get(point) in REMOTE or os.path.exists(path):
                self._points.setdefault(point, path)

    def _leave(self, point: str, kind: str) -> None:
        self.missing.setdefault(
            point,
            Missing(
                what=f"room on {point}",
                why=f"it is of type {kind}: reading it can hang as long as its server does",
                how="watch it on its server",
            ),
        )

    def _subject(self, point: str) -> Subject:
        found = self._subjects.get(point)
        if found is None:
            found = Subject(kind="disk", id=point, engine_id=self._engine_id, name=point)
            self._subjects[point] = found
        return found


def mount_types(proc: str = "/proc") -> dict[str, str]:
    """Mount point → type of its file system. Source: ``proc(5)``, ``/proc/self/mountinfo``."""
    try:
        lines = read_text(f"{proc}/self/mountinfo").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        words, about = before.split(), after.split()
        if len(words) > 4 and about:
            found[unescaped(words[4])] = about[0]
    return found


def holder(path: str, mounts: dict[str, str]) -> str:
    """The mount point that ``path`` is on; ``/`` where none is known."""
    point = os.path.normpath(path)
    while point not in mounts and point != "/":
        point = os.path.dirname(point)
    return point
