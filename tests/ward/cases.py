"""Keeps the sealed cases of the ward as tests of the decisions: small, and without what is peculiar
to the machine. ``tests/decide/test_ward_cases.py`` replays them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tabib.decide.diagnose import diagnose
from tabib.decide.treat import Patient, treat
from tabib.decide.verdict import Kind, SlotFacts, Verdict
from tabib.model.codec import convert, encode
from tabib.model.incident import Case, Readings
from ward.harness import Result, Ward
from ward.scenario import Scenario

FOLDER = Path(__file__).parents[1] / "decide" / "ward_cases"
MOST_BYTES = 20_000
_LINES, _LINE = 40, 400
_ROWS, _PROCESSES, _PATTERNS, _EVENTS = 20, 8, 1, 12
_CONFIG = ("User", "Cmd", "Entrypoint", "Healthcheck", "Image")
_HOST = (
    "Memory",
    "NanoCpus",
    "PidsLimit",
    "ReadonlyRootfs",
    "RestartPolicy",
    "Ulimits",
    "LogConfig",
)
_HEX = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b")
_KINDS = {
    "unhealthy": Kind.UNHEALTHY,
    "removed": Kind.DRIFT_REMOVED,
    "loop": Kind.RESTART_LOOP,
    "oom": Kind.OOM_CHILD,
}


def keep(ward: Ward, results: Sequence[Result], scenarios: Mapping[str, Scenario]) -> None:
    """Write the case that told the cause of each scenario that went right."""
    FOLDER.mkdir(exist_ok=True)
    for result in results:
        cases = ward.cases.get(result.name)
        if cases and result.cause_right and not result.healthy:
            kept(result.name, cases, scenarios[result.name], ward.tabib.prefix)


def kept(
    name: str, cases: Sequence[Mapping[str, Any]], scenario: Scenario, prefix: str
) -> Path | None:
    """The file written; None where no case by itself has the cause that was expected."""
    wanted = scenario.expect.cause
    for raw in cases:
        case = small(neutral(raw, scenario, prefix))
        causes = diagnose(case)[1]
        if causes and causes[0].code in wanted:
            break
    else:
        print(f"  {name}: no case has {wanted} first by itself: none is kept")
        return None
    document = {
        "cause": list(wanted),
        "action": str(decided(case).action),
        "case": json.loads(encode(case)),
    }
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if len(text.encode()) > MOST_BYTES:
        text = json.dumps(document, sort_keys=True, ensure_ascii=False) + "\n"
    if len(text.encode()) > MOST_BYTES:
        print(f"  {name}: {len(text)} bytes are too many: not kept")
        return None
    file = FOLDER / f"{name}.json"
    file.write_text(text)
    return file


def decided(case: Case) -> Any:
    """What is done about a case of a service that was not treated before."""
    code_0 = Kind.EXITED_ZERO_SERVICE if case.exit_code == 0 else Kind.FAILED
    kind = _KINDS.get(case.trigger, code_0)
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
    return treat(case, diagnose(case)[1], Patient(verdict=verdict, slot=slot), now)


def neutral(raw: Mapping[str, Any], scenario: Scenario, prefix: str) -> Case:
    """Without ids, folders and names of the run."""
    text = json.dumps(raw, ensure_ascii=False)
    text = text.replace(f"{prefix}{scenario.name}", "ward")
    text = re.sub(r"/tmp/tabib-ward-[^/\"]+/[^/\"\s]+", "/srv/ward", text)
    known: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        id = known.setdefault(found[0][:12], f"{len(known) + 1:012x}")
        return id if len(found[0]) == 12 else id.ljust(64, "0")

    text = _HEX.sub(number, text)
    case = convert(json.loads(text), Case)
    # Networks of the scenarios beside it.
    events = tuple(line for line in case.events if prefix not in line)
    return replace(case, id="case", engine_id="engine", events=events)


def small(case: Case) -> Case:
    """As much as the decisions look at."""
    look = case.inspection
    config, host = look.get("Config") or {}, look.get("HostConfig") or {}
    inspection = {
        "Config": {key: config[key] for key in _CONFIG if config.get(key)},
        "HostConfig": {key: host[key] for key in _HOST if host.get(key)},
        "Mounts": [
            {key: one.get(key) for key in ("Type", "Destination")}
            for one in look.get("Mounts") or ()
        ],
    }
    recorded = case.recorded
    if recorded is not None:
        left = recorded.processes_left_out + max(0, len(recorded.processes) - _PROCESSES)
        recorded = replace(
            recorded,
            container=_thinned(recorded.container),
            node=_thinned(recorded.node),
            processes=recorded.processes[-_PROCESSES:],
            processes_left_out=left,
            patterns=tuple(
                replace(one, example=one.example[:_LINE]) for one in recorded.patterns[:_PATTERNS]
            ),
        )
    return replace(
        case,
        inspection=inspection,
        recorded=recorded,
        log_tail=tuple(line[:_LINE] for line in case.log_tail[-_LINES:]),
        health_log=tuple(replace(one, output=one.output[:_LINE]) for one in case.health_log[-3:]),
        events=case.events[-_EVENTS:],
    )


def _thinned(readings: Readings) -> Readings:
    """The last rows, and no column of a single value that decisions cannot use (0, or nothing)."""
    rows = readings.rows[-_ROWS:]
    told = [place for place, _ in enumerate(readings.metrics) if any(row[place] for row in rows)]
    return Readings(
        metrics=tuple(readings.metrics[place] for place in told),
        times=readings.times[-_ROWS:],
        rows=tuple(tuple(row[place] for place in told) for row in rows),
    )
