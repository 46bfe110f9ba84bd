"""What a rule of a checkup is, and how findings are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tabib.decide.diagnose import BY_CODE as DIAGNOSED
from tabib.model.checkup import NODE, CheckupFinding, Examined, Observation
from tabib.model.incident import Evidence

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that can be wrong with what runs. ``check`` is pure."""

    code: str
    check: Callable[[Observation], Iterable[CheckupFinding]]
    explain: str
    """What it means, one sentence for a person who has never met it."""
    advice: str
    """What to do next, in plain words."""


def each(
    code: str,
    check: Callable[[Examined], CheckupFinding | None],
    *,
    explain: str,
    advice: str,
    every: bool = False,
) -> Check:
    """A rule about single containers: of those that run and are no one-off ones, or ``every``."""

    def over(observation: Observation) -> Iterable[CheckupFinding]:
        for one in observation.containers:
            if every or (one.runs and not one.oneoff):
                found = check(one)
                if found is not None:
                    yield found

    return Check(code=code, check=over, explain=explain, advice=advice)


def shared(code: str, check: Callable[[Observation], Iterable[CheckupFinding]]) -> Check:
    """A rule whose code diagnosis knows too: it means the same, and so does its advice."""
    rule = DIAGNOSED[code]
    return Check(code=code, check=check, explain=rule.explain, advice=rule.advice)


def found(
    one: Examined, code: str, severity: str, summary: str, *evidence: Evidence | str
) -> CheckupFinding:
    """A finding about a container. Evidence that is a text is of its configuration. The advice is
    added where all rules are known."""
    return CheckupFinding(
        target=one.target,
        code=code,
        severity=severity,
        summary=summary,
        evidence=tuple(e if isinstance(e, Evidence) else config(e) for e in evidence),
        project=one.project,
        service=one.service,
        containers=(one.name,),
        file=one.config_file,
    )


def of_node(code: str, severity: str, summary: str, *evidence: Evidence) -> CheckupFinding:
    """A finding about the machine or its engine."""
    return CheckupFinding(
        target=NODE, code=code, severity=severity, summary=summary, evidence=evidence, project=NODE
    )


def config(text: str) -> Evidence:
    return Evidence(source="config", text=text)


def engine(text: str) -> Evidence:
    return Evidence(source="engine", text=text)


def host(text: str) -> Evidence:
    return Evidence(source="host", text=text)


def size(count: float) -> str:
    """Bytes for people: ``512 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def named(names: Iterable[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
