"""What cannot be recorded on this machine, why, and how to grant it."""

from __future__ import annotations

import os

from tabib.host.sampling.files import read_text
from tabib.host.sampling.hierarchies import CONTROLLERS, Groups, Hierarchies
from tabib.host.sampling.node import Node
from tabib.host.sampling.roots import Roots
from tabib.model.sample import Missing

HOST_PIDS = "pid:[4026531836]"
"""The first pid namespace, by a fixed number (kernel, ``PROC_PID_INIT_INO``)."""
_BOOT = "to the kernel's command line, and boot again"
_NEEDED = {"memory": "memory", "pids": "threads", "cpuacct": "CPU time", "blkio": "disk traffic"}
_V2_NAMES = {"cpuacct": "cpu", "blkio": "io"}


class Lacks:
    """Collects them, each once."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._found: dict[str, Missing] = {}

    @property
    def found(self) -> tuple[Missing, ...]:
        return tuple(self._found.values())

    def look(self, hierarchies: Hierarchies, node: Node) -> None:
        """What can be told before any container is read."""
        if not hierarchies:
            self._add(
                "containers' CPU, memory and disk traffic",
                "no control groups are mounted where this process can see them",
                "run the daemon on the host itself, or with /sys/fs/cgroup mounted read-only and "
                "--cgroupns host",
            )
        else:
            self._controllers(hierarchies)
        if not node.has_pressure:
            self._add("pressure", "this kernel does not measure it", f"add psi=1 {_BOOT}")
        elif hierarchies and hierarchies.unified is None:
            self._add(
                "containers' pressure",
                "control groups of version 1 do not tell it",
                f"add systemd.unified_cgroup_hierarchy=1 {_BOOT}",
            )
        self._hidden()

    def _controllers(self, hierarchies: Hierarchies) -> None:
        unified = self._unified_controllers(hierarchies)
        for controller in CONTROLLERS:
            name = _V2_NAMES.get(controller, controller)
            if controller in hierarchies.v1 or name in unified or controller not in _NEEDED:
                continue
            if controller == "cpuacct" and hierarchies.unified:
                continue  # version 2 counts CPU time without any controller
            how = f"add cgroup_enable={controller} {_BOOT}"
            if controller == "blkio":
                how = "use a kernel with CONFIG_BLK_CGROUP"
            self._add(
                f"containers' {_NEEDED[controller]}",
                f"the kernel's controller {name} is off",
                how,
            )

    def _unified_controllers(self, hierarchies: Hierarchies) -> list[str]:
        if hierarchies.unified is None:
            return []
        try:
            return read_text(f"{hierarchies.unified.folder}/cgroup.controllers").split()
        except OSError:
            return []

    def _hidden(self) -> None:
        """``hidepid`` of proc(5): others' processes are not there for who is not root."""
        if os.geteuid() == 0:
            return
        try:
            lines = read_text(f"{self._roots.proc}/self/mountinfo").splitlines()
        except OSError:
            return
        if any(" - proc " in line and "hidepid=" in line for line in lines):
            self._add(
                "containers' processes and networks",
                "/proc is mounted with hidepid and this process is not root",
                "run the daemon as root",
            )

    def process_unseen(self, error: OSError) -> None:
        """A container's first process could not be opened: it ended, or it cannot be seen."""
        if isinstance(error, PermissionError):
            self._add(
                "containers' processes and networks",
                "this process may not look at those of other users",
                "run the daemon as root",
            )
            return
        try:
            namespace = os.readlink(f"{self._roots.proc}/self/ns/pid")
        except OSError:
            return
        if namespace != HOST_PIDS:
            self._add(
                "containers",
                "this process has a process namespace of its own and does not see theirs",
                "run the daemon on the host itself, or its container with --pid host",
            )

    def groups_of(self, groups: Groups) -> None:
        """A container was found, and what there is of its control groups."""
        if not groups.v1 and not groups.unified:
            self._add(
                "containers' CPU, memory and disk traffic",
                "their control groups are outside of what this process can see",
                "run the daemon on the host itself, or its container with --cgroupns host and "
                "/sys/fs/cgroup mounted read-only",
            )

    def requests_uncounted(self) -> None:
        self._add(
            "containers' number of disk reads and writes",
            "this kernel counts no disk traffic in control groups of version 1; the bytes are those"
            " that the processes caused",
            f"add systemd.unified_cgroup_hierarchy=1 {_BOOT}",
        )

    def namespace_forbidden(self) -> None:
        self._add(
            "containers' network traffic",
            "only root may ask which network a process is in",
            "run the daemon as root, or give it CAP_SYS_PTRACE",
        )

    def descriptors_forbidden(self) -> None:
        self._add(
            "containers' open files",
            "only root may count the open files of others",
            "run the daemon as root, or give it CAP_SYS_PTRACE",
        )

    def traffic_forbidden(self) -> None:
        self._add(
            "containers' disk traffic",
            "this kernel tells it only by process, and of others' processes only to root",
            "run the daemon as root, or give it CAP_SYS_PTRACE",
        )

    def groups_forbidden(self) -> None:
        self._add(
            "some figures of containers",
            "files of their control groups may not be read by this process",
            "run the daemon as root",
        )

    def _add(self, what: str, why: str, how: str) -> None:
        self._found.setdefault(what, Missing(what=what, why=why, how=how))
