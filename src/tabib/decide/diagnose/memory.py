"""``memory.*``: the kernel killed something because the container's memory limit was reached."""

from __future__ import annotations

from tabib.decide.diagnose.rule import Rule, exit_evidence
from tabib.model.incident import Case, Evidence, Finding

_MIB = 1024 * 1024


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
)
