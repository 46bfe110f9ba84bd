"""Sums over block devices that may stand on one another."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tabib.host.sampling.roots import Roots


class Stacks:
    """Which devices (LVM, encryption, RAID) stand on which disks.

    The kernel counts a request at each of them, so a plain sum counts it twice: of a disk, only
    what exceeds the devices on it is added. Source: ``/sys/dev/block/M:N/slaves`` (sysfs-block).
    """

    def __init__(self, roots: Roots) -> None:
        self._sys = roots.sys
        self._below: dict[str, tuple[str, ...]] = {}

    def total(self, devices: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        """The sum of each figure; of no device, zeros (of two figures)."""
        if len(devices) < 2:
            return next(iter(devices.values()), (0, 0))
        uppers: dict[str, list[tuple[int, ...]]] = {}
        for device, figures in devices.items():
            for disk in self.below(device):
                uppers.setdefault(disk, []).append(figures)
        sums = [0] * len(next(iter(devices.values())))
        for device, figures in devices.items():
            above = uppers.get(device, ())
            for place, figure in enumerate(figures):
                sums[place] += max(0, figure - sum(upper[place] for upper in above))
        return tuple(sums)

    def below(self, device: str) -> tuple[str, ...]:
        """The whole disks directly below a device ``major:minor``; looked up once."""
        found = self._below.get(device)
        if found is None:
            found = self._below[device] = self._look(device)
        return found

    def _look(self, device: str) -> tuple[str, ...]:
        folder = self._sys / "dev/block" / device / "slaves"
        try:
            names = os.listdir(folder)
        except OSError:
            return ()
        disks = []
        for name in names:
            part = (folder / name).resolve()
            whole = part.parent if (part / "partition").exists() else part
            try:
                disks.append((whole / "dev").read_text().strip())
            except OSError:
                continue
        return tuple(disks)
