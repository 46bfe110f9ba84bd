"""A trace instance of our own: few events, filtered in the kernel, read as binary pages.

Source: ``Documentation/trace/events.rst``, ``ftrace.rst`` (instances), ``ring-buffer-map.rst``.
Where tracefs is not mounted it is mounted for the blink in which our descriptor is opened: nothing
is left to be seen on the host but the instance, and that goes when we do.
"""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tabib.host.processes.scan import start_ticks

_MOUNTED = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_MNT_DETACH = 2
_BUFFER_KIB = 1024
"""For each processor: thousands of events."""

SIGNALS = tuple(sorted({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 30, 31}))
"""Those that end a process that does not handle them, but for timers that fire often."""
EVENTS = {
    # 1: the receiver ignores it.
    "signal/signal_generate": "result != 1 && ("
    + " || ".join(f"sig == {number}" for number in SIGNALS)
    + ")",
    "cgroup/cgroup_attach_task": "",
    "sched/sched_process_exec": "",
    # runc's children are born to runc's parent (CLONE_PARENT): the connector names that one.
    "sched/sched_process_fork": 'parent_comm ~ "runc:*"',
    "oom/mark_victim": "",
}


@dataclass(frozen=True, slots=True)
class Instance:
    """An open instance: its folder, its name, the descriptors of its buffers, what was enabled."""

    root: int
    name: str
    buffers: tuple[int, ...]
    formats: dict[str, str]
    header_page: str

    def disable(self, event: str) -> None:
        """Another stream tells it."""
        _write(self.root, f"instances/{self.name}/events/{event}/enable", "0")

    def close(self) -> None:
        """Stop and remove it."""
        for descriptor in self.buffers:
            os.close(descriptor)
        try:
            _write(self.root, f"instances/{self.name}/events/enable", "0")
            os.rmdir(f"instances/{self.name}", dir_fd=self.root)
        except OSError:
            # Somebody reads it: the next start removes it.
            pass
        os.close(self.root)


def open_instance() -> Instance:
    """Make the instance and open its buffers; instances of daemons that died are removed.

    :raises OSError: tracefs cannot be had, or none of the events is known.
    """
    root = _open_root()
    name = f"tabib-{os.getpid()}-{start_ticks(os.getpid())}"
    try:
        _remove_stale(root)
        os.mkdir(f"instances/{name}", 0o700, dir_fd=root)
    except OSError:
        os.close(root)
        raise
    try:
        return _set_up(root, name)
    except OSError:
        os.rmdir(f"instances/{name}", dir_fd=root)
        os.close(root)
        raise


def _set_up(root: int, name: str) -> Instance:
    folder = f"instances/{name}"
    for file, value in (
        ("trace_clock", "boot"),
        ("buffer_size_kb", str(_BUFFER_KIB)),
        # Wake readers for the first event.
        ("buffer_percent", "0"),
    ):
        _write(root, f"{folder}/{file}", value)
    formats = {}
    for event, rule in EVENTS.items():
        try:
            if rule:
                _write(root, f"{folder}/events/{event}/filter", rule)
            formats[event.partition("/")[2]] = _read(root, f"{folder}/events/{event}/format")
            _write(root, f"{folder}/events/{event}/enable", "1")
        except FileNotFoundError:
            continue
    if not formats:
        raise OSError(errno.ENOENT, "the kernel has none of the trace events")
    header = _read(root, "events/header_page")
    return Instance(root, name, _open_buffers(root, folder), formats, header)


def _open_buffers(root: int, folder: str) -> tuple[int, ...]:
    names = sorted(_list(root, f"{folder}/per_cpu"))
    found: list[int] = []
    try:
        for name in names:
            path = f"{folder}/per_cpu/{name}/trace_pipe_raw"
            found.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK, dir_fd=root))
    except OSError:
        for descriptor in found:
            os.close(descriptor)
        raise
    return tuple(found)


def _open_root() -> int:
    for path in _MOUNTED:
        if (path / "instances").is_dir():
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    libc = ctypes.CDLL(None, use_errno=True)
    folder = tempfile.mkdtemp(prefix="tabib-trace-")
    try:
        if libc.mount(b"tracefs", folder.encode(), b"tracefs", 0, None):
            code = ctypes.get_errno()
            raise OSError(code, f"tracefs cannot be mounted: {os.strerror(code)}")
        try:
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        finally:
            libc.umount2(folder.encode(), _MNT_DETACH)
    finally:
        os.rmdir(folder)


def _remove_stale(root: int) -> None:
    for name in _list(root, "instances"):
        prefix, _, identity = name.partition("-")
        pid, _, ticks = identity.partition("-")
        if prefix != "tabib" or not pid.isdigit() or start_ticks(int(pid)) == int(ticks or 0):
            continue
        try:
            _write(root, f"instances/{name}/events/enable", "0")
            os.rmdir(f"instances/{name}", dir_fd=root)
        except OSError:
            continue


def _list(root: int, path: str) -> list[str]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
    try:
        return os.listdir(folder)
    finally:
        os.close(folder)


def _read(root: int, path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY, dir_fd=root)
    with open(descriptor, encoding="ascii", errors="replace") as file:
        return file.read()


def _write(root: int, path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY, dir_fd=root)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
