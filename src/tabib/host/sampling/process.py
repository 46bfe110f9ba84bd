"""The first process of a container: its network namespace, and whether it is still that process.

Sources: proc(5), namespaces(7), proc_pid_net(5).
"""

from __future__ import annotations

import os

from tabib.host.sampling.files import read_bytes, read_text
from tabib.host.sampling.text import Network, interfaces

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_START_FIELD = 19
"""Of ``/proc/PID/stat``, behind the name in brackets."""


class FirstProcess:
    """A process, held by the descriptor of its folder: once it is gone, nothing is read through it
    any more, whoever gets its number.

    Its network is opened for each reading: a descriptor that is kept would keep the namespace of a
    container that is gone, with all its interfaces.

    :raises OSError: it is not there, or may not be looked at.
    """

    __slots__ = ("_before", "_folder", "_interfaces", "cgroups", "namespace", "started")

    def __init__(self, proc: str, pid: int) -> None:
        self._before = b""
        self._interfaces: dict[str, Network] = {}
        self._folder = os.open(f"{proc}/{pid}", _DIRECTORY)
        try:
            self.cgroups = read_text("cgroup", self._folder)
            stat = read_text("stat", self._folder).rpartition(")")[2].split()
            self.started = int(stat[_START_FIELD]) if len(stat) > _START_FIELD else 0
            self.namespace = network_namespace(self._folder)
        except BaseException:
            self.close()
            raise

    def interfaces(self) -> dict[str, Network] | None:
        """Its network's interfaces but the loopback; None where it is gone."""
        try:
            text = read_bytes("net/dev", self._folder)
        except OSError:
            return None
        if text != self._before:
            self._interfaces = interfaces(text)
            self._before = text
        return self._interfaces

    def close(self) -> None:
        """Idempotent."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1


def network_namespace(folder: int) -> str:
    """e.g. ``net:[4026531840]``; ``""`` for who has no right to know (CAP_SYS_PTRACE)."""
    try:
        return os.readlink("ns/net", dir_fd=folder)
    except OSError:
        return ""


def node_namespace(proc: str) -> str:
    """That of the machine: its first process's, else (no right) our own."""
    for pid in ("1", "self"):
        try:
            return os.readlink(f"{proc}/{pid}/ns/net")
        except OSError:
            continue
    return ""
