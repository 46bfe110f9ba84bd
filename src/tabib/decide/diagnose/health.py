"""``health.*``: it runs, and its health check says no."""

from __future__ import annotations

import re

from tabib.decide.diagnose.heard import said
from tabib.decide.diagnose.rule import Rule, from_health, quote
from tabib.model.incident import Case, Evidence, Finding, HealthProbe

_NO_TOOL = re.compile(
    r'exec: "([^"]+)": (?:executable file not found|stat |permission denied|no such file)'
    r"|([^\s:]+): (?:command )?not found|not found: (\S+)",
)
_USAGE = re.compile(
    r"(?i)^(?:[\w./-]{0,80}?)\b([\w.-]{1,40}): (?:invalid|unrecogni[sz]ed|unknown|illegal) option"
    r"|^(?:BusyBox [^\n]{1,120}\s+)?Usage: ([\w./-]{1,60})",
    re.MULTILINE,
)
"""A program that does not know what it is called with."""
_TIMEOUT = re.compile(r"[Hh]ealth check exceeded timeout \(?([^)\s]*)")


def _last(case: Case) -> HealthProbe | None:
    return case.health_log[-1] if case.health_log else None


def _test(case: Case) -> str:
    """The check as the inspection shows it."""
    check = (case.inspection.get("Config") or {}).get("Healthcheck") or {}
    return " ".join(map(str, check.get("Test") or ()))


def _failing(case: Case) -> bool:
    # The engine also calls a container unhealthy that has died: then its death is the matter.
    return case.trigger == "unhealthy" or (case.health == "unhealthy" and case.status == "running")


def _unhealthy(case: Case) -> Finding | None:
    if not _failing(case):
        return None
    probe = _last(case)
    failed = sum(1 for one in case.health_log if one.exit_code != 0)
    said = quote(probe.output) if probe and probe.output.strip() else ""
    summary = "it runs, and its health check fails" + (f": {said}" if said else "")
    evidence: list[Evidence] = []
    if probe is None:
        evidence.append(Evidence(source="absent", text="no health check output could be had"))
    else:
        text = f"exit {probe.exit_code}: {said}" if said else f"exit {probe.exit_code}"
        evidence.append(Evidence(source="health", text=text, at=probe.at))
        evidence.append(Evidence(source="health", text=f"{failed} of the last probes failed"))
    return Finding(
        code="health.unhealthy", severity="error", summary=quote(summary), evidence=tuple(evidence)
    )


def _bad_command(case: Case) -> Finding | None:
    probe = _last(case)
    if not _failing(case) or probe is None or probe.exit_code == 0:
        return None
    # A script's own "not found" with another exit code is the application's affair.
    found = _NO_TOOL.search(probe.output)
    # So are a probe's failures that only say the container died under it ("broken pipe").
    runtime = "OCI runtime exec failed" in probe.output and found is not None
    tool = next((group for group in found.groups() if group), "") if found else ""
    called = bool(tool) and tool in _test(case)  # `curl … || exit 1`
    if not (runtime or called or probe.exit_code in (126, 127)):
        return _wrongly_called(case, probe)
    summary = f"its health check calls {tool or 'a command'}, which the image cannot run"
    evidence = from_health(case, _NO_TOOL) or Evidence(
        source="health", text=f"exit {probe.exit_code}: {quote(probe.output)}", at=probe.at
    )
    return Finding(
        code="health.bad-command", severity="error", summary=summary, evidence=(evidence,)
    )


def _wrongly_called(case: Case, probe: HealthProbe) -> Finding | None:
    found = _USAGE.search(probe.output[:2000])
    tool = (found.group(1) or found.group(2)).rpartition("/")[2] if found else ""
    if not tool or tool not in _test(case):
        return None
    evidence = Evidence(
        source="health", text=f"exit {probe.exit_code}: {quote(probe.output)}", at=probe.at
    )
    summary = f"its health check calls {tool} with what this {tool} does not know"
    return Finding(
        code="health.bad-command", severity="error", summary=summary, evidence=(evidence,)
    )


def _timeout(case: Case) -> Finding | None:
    probe = _last(case)
    if not _failing(case) or probe is None:
        return None
    found = _TIMEOUT.search(probe.output)
    evidence = from_health(case, _TIMEOUT)
    if found is None or evidence is None:
        return None
    summary = f"its health check does not answer within {found.group(1) or 'its timeout'}"
    return Finding(code="health.timeout", severity="error", summary=summary, evidence=(evidence,))


_BEGINS = re.compile(
    r"(?i)\b(?:start(?:ing|up)|loading|initiali[sz]\w*|recover\w*|warm\w*|migrat\w*|build\w*"
    r"|restor\w*|replay\w*|import\w*|download\w*|prepar\w*|waiting|boot\w*|index\w*|install\w*"
    r"|compil\w*|not (?:yet )?ready|rebuild\w*|fetch\w*|\d{1,3} ?%)(?!\w)"
    r"|(?<![\d/])\d{1,4} ?(?:/|of) ?\d{1,4}(?![\d/])"
)
_READY = re.compile(
    r"(?i)\b(?:listening|ready (?:to|for|in)|is ready|started (?!worker process)|serving|running on"
    r"|accepting|up and running|startup complete|now live)\b|\"(?:GET|HEAD|POST) /"
)
YOUNG_S = 300.0


def _slow_start(case: Case) -> Finding | None:
    """It was never healthy that we know of, is young, and speaks of nothing but its beginning."""
    if case.trigger != "unhealthy" or case.started_at is None:
        return None
    age_s = (case.sealed_at - case.started_at).total_seconds()
    own = f"container {case.container} health_status health=healthy"
    healthy = any(own in line for line in case.events)
    passed = any(probe.exit_code == 0 for probe in case.health_log)
    if age_s > YOUNG_S or healthy or passed or case.restarts:
        return None
    lines = [line[:400] for line in case.log_tail if line.strip()][-20:]
    if not lines or said(case).complaint is not None or any(map(_READY.search, lines)):
        return None
    told = next((line for line in reversed(lines[-5:]) if _BEGINS.search(line)), None)
    if told is None:
        return None
    return Finding(
        code="health.slow-start",
        severity="warning",
        summary=f"it still starts after {age_s:.0f} s, longer than its health check allows",
        evidence=(
            Evidence(source="log", text=quote(told)),
            Evidence(source="history", text=f"started {age_s:.0f} s before, not healthy since"),
        ),
    )


RULES = (
    Rule(
        code="health.unhealthy",
        check=_unhealthy,
        explain="The container runs, but the check that its file defines keeps failing.",
        advice="Run the check by hand with `tabib exec`, and read the service's log.",
        confidence=0.5,
    ),
    Rule(
        code="health.bad-command",
        check=_bad_command,
        explain="The health check itself cannot run: its program is not in the image.",
        advice="Correct `healthcheck.test`: use a program that the image has.",
        confidence=0.97,
        restart_helps=False,
        explains=("health.unhealthy", "exit.command-not-found", "config.invalid"),
    ),
    Rule(
        code="health.timeout",
        check=_timeout,
        explain="The check gets no answer in time: the application hangs or is overloaded.",
        advice="See what it waits for, and whether it lacks CPU; its timeout may be too short.",
        confidence=0.75,
        explains=("health.unhealthy",),
    ),
    Rule(
        code="health.slow-start",
        check=_slow_start,
        explain="It needs longer to start than its health check waits; it may yet become healthy.",
        advice="Give it a longer `start_period` in `healthcheck:`.",
        confidence=0.85,
        restart_helps=False,
        explains=("health.unhealthy", "health.timeout", "network.refused"),
    ),
)
