"""What cannot be recorded of processes here, why, and how to grant it."""

from __future__ import annotations

import errno
from pathlib import Path

from tabib.model.sample import Missing

_RECORDS = "process records"
_FIRST_NAMESPACES = {"pid": 0xEFFFFFFC, "user": 0xEFFFFFFD}
_AS_ROOT = "run the daemon as root, or give it CAP_NET_ADMIN and CAP_SYS_ADMIN"
_ON_HOST = (
    "run the daemon on the host, or its container with `--pid host --network host --userns host`"
)


def foreign_namespace(namespaces: Path = Path("/proc/self/ns")) -> str:
    """Which of our namespaces is not the host's: ``pid``, ``user``, or none. The connector accepts
    listeners there and stays silent. Source: ``linux/proc_ns.h``, PROC_PID_INIT_INO and following.
    """
    for name, inode in _FIRST_NAMESPACES.items():
        try:
            if (namespaces / name).stat().st_ino != inode:
                return name
        except OSError:
            continue
    return ""


def not_on_host(namespace: str) -> Missing:
    return Missing(
        what=_RECORDS, why=f"the daemon runs in a {namespace} namespace of its own", how=_ON_HOST
    )


def no_connector(error: OSError) -> Missing:
    what = _RECORDS
    if error.errno == errno.ECONNREFUSED:
        return not_on_host("network")
    if error.errno in (errno.EPERM, errno.EACCES):
        return Missing(what=what, why="the kernel does not permit it to this user", how=_AS_ROOT)
    return Missing(
        what=what,
        why=f"the kernel's proc connector cannot be had: {error.strerror or error}",
        how="use a kernel with CONFIG_PROC_EVENTS",
    )


def no_taskstats(error: OSError) -> Missing:
    permitted = error.errno not in (errno.EPERM, errno.EACCES)
    why = f"the kernel's taskstats cannot be had: {error.strerror or error}"
    return Missing(
        what="CPU time, peak memory and input/output of processes that ended",
        why=why if permitted else "the kernel does not permit it to this user",
        how="use a kernel with CONFIG_TASKSTATS and CONFIG_TASK_XACCT" if permitted else _AS_ROOT,
    )


def no_executions(error: Exception) -> Missing:
    return Missing(
        what="complete command lines of processes that live for milliseconds",
        why=f"performance events cannot be had: {error}",
        how="run the daemon as root, or give it CAP_PERFMON, on a kernel with CONFIG_PERF_EVENTS",
    )


def no_tracing(error: OSError) -> Missing:
    permitted = error.errno not in (errno.EPERM, errno.EACCES)
    return Missing(
        what="who killed a process, and the container of some that live for milliseconds",
        why=f"trace events cannot be had: {error.strerror or error}",
        how=(
            "use a kernel with CONFIG_EVENT_TRACING"
            if permitted
            else "run the daemon as root, or give it CAP_SYS_ADMIN; where the kernel is locked "
            "down (confidentiality), tracing is refused to all"
        ),
    )
