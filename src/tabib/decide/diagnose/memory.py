"""``memory.*``: the kernel killed something because the container's memory limit was reached."""

from __future__ import annotations

from itertools import pairwise

from tabib.decide.diagnose import figures
from tabib.decide.diagnose.rule import Rule, exit_evidence
from tabib.model.incident import Case, Evidence, Finding

_MIB = 1024 * 1024
_FULL = 0.7
"""Share of its limit from which on a container that only grows is about to hit it."""
_GREW = 0.3
_UNLIMITED_BYTES = 512 * _MIB
_UNLIMITED_S = 300.0
"""Without a limit: so much, over so long, and never less in between."""


def limit_bytes(case: Case) -> int:
    """The container's memory limit by its inspection; 0: none, or unknown."""
    limit = (case.inspection.get("HostConfig") or {}).get("Memory")
    return limit if isinstance(limit, int) else 0


def _evidence(case: Case) -> tuple[Evidence, ...]:
    seen = []
    if case.oom_killed:
        seen.append(Evidence(source="engine", text="OOMKilled is true", at=case.finished_at))
    if case.oom_event:
        seen.append(Evidence(source="event", text="oom event", at=case.finished_at))
    limit = limit_bytes(case)
    if limit:
        seen.append(Evidence(source="config", text=f"memory limit {limit} bytes"))
    else:
        seen.append(Evidence(source="absent", text="no memory limit is known"))
    return tuple(seen)


def _limit_text(case: Case) -> str:
    limit = limit_bytes(case)
    return f"its limit of {limit / _MIB:.0f} MiB" if limit else "the memory there was"


def _container_oom(case: Case) -> Finding | None:
    # OOMKilled is also true when only a child was killed and the container ended otherwise:
    # the exit code tells who was hit (seen on Engine 20.10).
    if case.exit_code != 137 or not (case.oom_killed or case.oom_event):
        return None
    return Finding(
        code="memory.container-oom",
        severity="error",
        summary=f"the kernel killed it: it wanted more than {_limit_text(case)}",
        evidence=(*_evidence(case), exit_evidence(case)),
    )


def _child_oom(case: Case) -> Finding | None:
    if case.exit_code == 137 or not (case.oom_killed or case.oom_event):
        return None
    runs_on = "; the container runs on" if case.status == "running" else ""
    return Finding(
        code="memory.child-oom",
        severity="warning" if runs_on else "error",
        summary=f"the kernel killed a process inside: more than {_limit_text(case)}{runs_on}",
        evidence=_evidence(case),
    )


def _host_oom(case: Case) -> Finding | None:
    """Killed by the kernel though its own group was not at its limit: the machine was."""
    if case.exit_code != 137 or case.oom_killed or case.oom_event or case.recorded is None:
        return None
    victims = [one for one in case.recorded.processes if one.killed_by == "oom"]
    if not victims:
        return None
    said = f"{victims[-1].name} (pid {victims[-1].pid}) was chosen by the out-of-memory killer"
    none = Evidence(source="absent", text="the container's own limit was not reached")
    return Finding(
        code="memory.host-oom",
        severity="critical",
        summary="the kernel killed it because the machine had no memory left",
        evidence=(Evidence(source="history", text=said), none, exit_evidence(case)),
    )


def _leak(case: Case) -> Finding | None:
    if case.trigger != "unhealthy" and case.exit_code != 137:
        return None
    readings = figures.container(case)
    told = figures.points(readings, "memory_rss_bytes")
    told = told or figures.points(readings, "memory_working_set_bytes")
    rise = _rise(told)
    if rise is None:
        return None
    seconds, grew = rise
    now, limit = told[-1][1], figures.last(readings, "memory_limit_bytes") or limit_bytes(case)
    if limit:
        leaks = now >= _FULL * limit and grew >= _GREW * limit
    else:
        leaks = grew >= _UNLIMITED_BYTES and grew >= now / 2 and seconds >= _UNLIMITED_S
    if not leaks:
        return None
    rate = grew / seconds
    of = f" of its limit of {limit / _MIB:.0f} MiB" if limit else ""
    left = f"; {(limit - now) / rate:.0f} s to the limit" if limit > now else ""
    text = f"from {(now - grew) / _MIB:.0f} to {now / _MIB:.0f} MiB in {seconds:.0f} s{left}"
    return Finding(
        code="memory.leak",
        severity="error",
        summary=f"its memory only grows: {now / _MIB:.0f} MiB{of} by now",
        evidence=(Evidence(source="history", text=text),),
    )


def _rise(told: figures.Points) -> tuple[float, int] | None:
    """(seconds, bytes) of the rise at the end that was never broken by a fall; None: there is
    none of ten seconds, or it came at one bound."""
    start = len(told) - 1
    while start > 0 and told[start - 1][1] <= told[start][1] * 1.02:
        start -= 1
    rising = told[start:]
    # What stands still before it rises, and after, is no part of it.
    low, high = rising[0][1] if rising else 0, told[-1][1] if told else 0
    span = high - low
    part = [one for one in rising if low + 0.05 * span < one[1] <= low + 0.97 * span]
    if len(part) < 3 or span <= 0:
        return None
    steps = [b[1] - a[1] for a, b in pairwise(rising)]
    seconds = part[-1][0] - part[0][0]
    if seconds < 8 or max(steps) > 0.6 * span:
        return None
    return seconds, span


RULES = (
    Rule(
        code="memory.container-oom",
        check=_container_oom,
        explain="The container reached its memory limit and its main process was killed.",
        advice="Raise the memory limit (`mem_limit` or `deploy.resources`), or find the leak.",
        confidence=0.97,
        explains=("exit.killed", "exit.app-error", "health.unhealthy", "health.timeout"),
    ),
    Rule(
        code="memory.child-oom",
        check=_child_oom,
        explain="The container reached its memory limit and one of its processes was killed.",
        advice="Use fewer or smaller workers, or raise the memory limit.",
        confidence=0.85,
        explains=("exit.app-error", "health.unhealthy", "health.timeout"),
    ),
    Rule(
        code="memory.host-oom",
        check=_host_oom,
        explain="The machine ran out of memory, and the kernel killed this program to go on.",
        advice="Set memory limits so that the one that grows is the one that is killed.",
        confidence=0.95,
        explains=("exit.killed", "exit.app-error", "memory.container-oom"),
    ),
    Rule(
        code="memory.leak",
        check=_leak,
        explain="The program keeps what it no longer needs: its memory grows without end.",
        advice="Restart it at a quiet hour until the leak is found; compare with the last release.",
        confidence=0.75,
        explains=("health.timeout", "health.unhealthy"),
    ),
)
