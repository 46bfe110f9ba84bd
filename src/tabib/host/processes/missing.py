"""What cannot be recorded of processes here, why, and how to grant it."""

from __future__ import annotations

import errno

from tabib.model.sample import Missing

_AS_ROOT = "run the daemon as root, or give it CAP_NET_ADMIN and CAP_SYS_ADMIN"
_ON_HOST = "run the daemon on the host, or its container with `--pid host --network host`"


def no_connector(error: OSError | None) -> Missing:
    """``None``: this is not the host's pid namespace."""
    what = "process records"
    if error is None:
        return Missing(what=what, why="the daemon runs in a pid namespace of its own", how=_ON_HOST)
    if error.errno == errno.ECONNREFUSED:
        return Missing(
            what=what, why="the daemon runs in a network namespace of its own", how=_ON_HOST
        )
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
