"""``memory.*``: limits, and what is promised beyond what there is."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.checkup.rule import Check, config, each, found, host, named, of_node, shared, size
from tabib.model.checkup import CheckupFinding, Examined, Observation
from tabib.model.incident import Evidence

NEAR = 0.9
"""Of its limit: from here on it is near."""


def _no_limit(one: Examined) -> CheckupFinding | None:
    if one.memory_limit_bytes:
        return None
    summary = "it has no memory limit: a leak takes the whole machine down"
    return found(one, "memory.no-limit", "warning", summary, "HostConfig.Memory is 0")


def _near_limit(one: Examined) -> CheckupFinding | None:
    limit, peak = one.memory_limit_bytes, one.memory_peak_bytes
    if not limit or peak is None or peak < NEAR * limit:
        return None
    summary = f"it used up to {100 * peak / limit:.0f} % of its memory limit within the last hour"
    text = f"working set up to {size(peak)} of {size(limit)}"
    evidence = Evidence(source="history", text=text)
    return found(one, "memory.near-limit", "warning", summary, evidence)


def _child_oom(observation: Observation) -> Iterable[CheckupFinding]:
    for one in observation.containers:
        if one.runs and one.oom_kills and one.id not in observation.cases:
            count = "a process" if one.oom_kills == 1 else f"{one.oom_kills} processes"
            yield found(
                one,
                "memory.child-oom",
                "warning",
                f"the kernel killed {count} in it for memory; the container runs on",
                Evidence(source="history", text=f"oom_kill {one.oom_kills} since it was started"),
            )


def _overcommitted(observation: Observation) -> Iterable[CheckupFinding]:
    limited = [one for one in observation.containers if one.runs and one.memory_limit_bytes]
    total = sum(one.memory_limit_bytes for one in limited)
    memory = observation.memory_bytes
    if not memory or total <= memory:
        return
    largest = sorted(limited, key=lambda one: (-one.memory_limit_bytes, one.name))
    yield of_node(
        "memory.overcommitted",
        "warning",
        f"memory limits add up to {size(total)}, and the machine has {size(memory)}",
        host(f"{size(memory)} of memory"),
        config(
            "largest limits: "
            + named(f"{one.name} {size(one.memory_limit_bytes)}" for one in largest)
        ),
    )


RULES: tuple[Check, ...] = (
    each(
        "memory.no-limit",
        _no_limit,
        explain="Nothing bounds the memory that the container may take from all others.",
        advice="Set `mem_limit:` (or `deploy.resources.limits.memory`) to what it needs at most.",
    ),
    each(
        "memory.near-limit",
        _near_limit,
        explain="The container uses nearly all of the memory it may have; then the kernel kills.",
        advice="Raise its memory limit, or find what it keeps (`tabib history TARGET`).",
    ),
    shared("memory.child-oom", _child_oom),
    Check(
        code="memory.overcommitted",
        check=_overcommitted,
        explain="Containers may together take more memory than the machine has.",
        advice="Lower the largest limits, move a project away, or give the machine more memory.",
    ),
)
