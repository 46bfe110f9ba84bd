"""Case files recorded from real faults (``cases``) replayed to incidents (``golden``).

``TABIB_GOLDEN=update`` writes the golden files anew; the difference is then to be read.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tabib.decide.diagnose import diagnose
from tabib.decide.report import Diagnosis, open_incident, summary
from tabib.decide.treat import Patient, treat
from tabib.decide.verdict import Kind, SlotFacts, Verdict
from tabib.model.codec import decode
from tabib.model.incident import Case

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in (HERE / "cases").glob("*.json"))
KINDS = {
    "unhealthy": Kind.UNHEALTHY,
    "removed": Kind.DRIFT_REMOVED,
    "loop": Kind.RESTART_LOOP,
    "oom": Kind.OOM_CHILD,
}


def load(name: str) -> Case:
    return decode((HERE / "cases" / f"{name}.json").read_bytes(), Case)


def told(case: Case) -> dict[str, Any]:
    """What becomes of a case: everything that a person gets to see of the decisions."""
    findings, causes = diagnose(case)
    kind = KINDS.get(case.trigger, Kind.EXITED_ZERO_SERVICE if case.exit_code == 0 else Kind.FAILED)
    verdict = Verdict(kind=kind, reason="recorded", trigger=case.trigger)
    slot = SlotFacts(
        service=case.service,
        slot=case.slot,
        container=case.container,
        restart=case.restart_policy or None,
        has_healthcheck=bool(case.health),
        last_running=True,
    )
    now = case.sealed_at + timedelta(seconds=0.1)
    decision = treat(case, causes, Patient(verdict=verdict, slot=slot), now)
    incident = open_incident(case, Diagnosis(findings=findings, causes=causes), "i1", seen_at=now)
    return {
        "causes": [[cause.code, cause.confidence, cause.summary] for cause in causes],
        "evidence": {f.code: [[e.source, e.text] for e in f.evidence] for f in findings},
        "decision": [decision.action, decision.reason, decision.needs_human],
        "severity": incident.severity,
        "summary": summary(incident),
        "advice": incident.advice,
    }


@pytest.mark.parametrize("name", NAMES)
def test_recorded_case_replays(name: str) -> None:
    path = HERE / "golden" / f"{name}.json"
    result = json.loads(json.dumps(told(load(name))))
    if os.environ.get("TABIB_GOLDEN") == "update":
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    assert result == json.loads(path.read_text())


EXPECTED_CAUSE = {
    "command_not_found": "exit.command-not-found",
    "command_path_not_found": "exit.command-not-found",
    "shell_not_found": "exit.command-not-found",
    "not_executable": "exit.not-executable",
    "exec_format": "exit.exec-format",
    "missing_env_shell": "exit.missing-env",
    "missing_env_python": "exit.missing-env",
    "app_error": "exit.app-error",
    "app_error_silent": "exit.app-error",
    "killed_from_outside": "exit.killed",
    "segfault": "exit.segfault",
    "finished": "exit.finished",
    "oom": "memory.container-oom",
    "oom_child_then_exit": "memory.child-oom",
    "oom_child": "memory.child-oom",
    "unhealthy": "health.unhealthy",
    "unhealthy_dependency_down": "health.unhealthy",
    "health_bad_command": "health.bad-command",
    "health_timeout": "health.timeout",
    "health_refused_itself": "health.unhealthy",
    "loop": "exit.app-error",
    "dns": "network.dns",
    "refused": "network.refused",
    "refused_dependency_down": "network.refused",
    "port_taken": "network.port-taken",
    "network_missing": "network.missing",
    "bind_missing": "storage.bind-missing",
    "bind_wrong_kind": "storage.bind-missing",
    "disk_full": "storage.full",
    "read_only": "storage.read-only",
    "volume_permission": "storage.volume-permission",
    "limit_refused": "config.limit-refused",
    "cpus_refused": "config.limit-refused",
    "device_missing": "config.device-missing",
    "runtime_missing": "config.device-missing",
    "image_not_local": "image.not-found",
    "image_registry_refused": "image.registry-unreachable",
    "image_registry_unknown": "image.registry-unreachable",
    "image_reference": "image.invalid-reference",
    "user_missing": "engine.start-refused",
    "removed": "config.drift",
}
"""Written by hand: what each fault truly was, whatever the golden files say."""


def test_every_recorded_fault_is_named() -> None:
    assert {name: diagnose(load(name))[1][0].code for name in NAMES} == EXPECTED_CAUSE


@pytest.mark.parametrize("name", NAMES)
def test_cases_hold_no_environment_values(name: str) -> None:
    environment = (load(name).inspection.get("Config") or {}).get("Env") or []
    assert all(pair.endswith("=…") for pair in environment)
