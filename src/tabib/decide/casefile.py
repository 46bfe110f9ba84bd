"""Builds the sealed case file from what could be gathered, and notes what could not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tabib.decide.processes.command_line import masked_arguments
from tabib.decide.specdiff import differences
from tabib.decide.timeline import Timeline
from tabib.decide.times import parse_time
from tabib.decide.verdict import Verdict
from tabib.model.event import Event
from tabib.model.incident import Case, Change, DataState, HealthProbe, Recorded
from tabib.model.release import LastSeen

Json = Mapping[str, Any]

LOG_LINES = 200
EVENT_LINES = 40
OUTPUT_CHARS = 2000
"""Bounds of a case file: the newest log lines and events, each probe's output."""
_RECENT = timedelta(hours=1)
_KEPT = (
    *("Id", "Name", "Created", "Path", "Args", "Image", "Platform", "RestartCount", "State"),
    *("Config", "HostConfig", "Mounts", "NetworkSettings"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseParts:
    """Raw evidence, redacted already. None means: could not be had; ``absent`` says why."""

    id: str
    sealed_at: datetime
    engine_id: str
    cluster: str
    project: str
    verdict: Verdict
    event: Event | None = None
    """The event that the verdict judged; None after a resynchronisation."""
    inspection: Json | None = None
    """The engine's inspection now; None: the container is gone or did not answer."""
    last_seen: LastSeen | None = None
    events: Sequence[Event] = ()
    """Recent events of the project, in any order."""
    log_tail: Sequence[str] | None = None
    dependencies: Mapping[str, str] = field(default_factory=dict)
    good_spec: Json | None = None
    """The service's canonical mapping in the last good release, values sealed."""
    present_spec: Json | None = None
    recent_deaths: Sequence[datetime] = ()
    release: int | None = None
    recorded: Recorded | None = None
    missing_networks: Sequence[str] = ()
    recent_changes: Sequence[Change] = ()
    data: Sequence[DataState] = ()
    absent: Sequence[str] = ()
    """What an attempt failed to get and why, one sentence each."""


def build(parts: CaseParts) -> Case:
    """The case. Where the engine's restart came first, state is from the event and the record."""
    inspection, event, verdict = parts.inspection, parts.event, parts.verdict
    recorded = parts.last_seen.inspection if parts.last_seen else None
    state = _mapping(inspection, "State")
    overwritten = _overwritten(state, event)
    look: Json = recorded or {} if (overwritten or inspection is None) else inspection
    shown = {} if overwritten else _mapping(look, "State")
    present = inspection or look
    return Case(
        id=parts.id,
        sealed_at=parts.sealed_at,
        trigger=verdict.trigger,
        engine_id=parts.engine_id,
        cluster=parts.cluster,
        project=parts.project,
        service=verdict.service,
        slot=verdict.slot,
        container=verdict.container,
        container_id=verdict.container_id,
        image=str(_mapping(present, "Config").get("Image", "")),
        exit_code=_exit_code(verdict, shown),
        oom_killed=bool(shown.get("OOMKilled")),
        oom_event=verdict.oom_event,
        status=_status(inspection, verdict, shown),
        health=str(_mapping(state or shown, "Health").get("Status", "")),
        engine_error=verdict.engine_error or str(shown.get("Error", "")),
        restarts=_restarts(present),
        restart_policy=_policy(_mapping(present, "HostConfig")),
        started_at=parse_time(shown.get("StartedAt")),
        finished_at=_finished(shown, event),
        release=parts.release,
        log_tail=_log(parts),
        health_log=_health_log(state, recorded),
        events=_event_lines(parts),
        kill_signals=verdict.kill_signals,
        dependencies=dict(parts.dependencies),
        config_changes=differences(parts.good_spec, parts.present_spec),
        recent_deaths=_deaths(parts.recent_deaths, parts.sealed_at),
        inspection=redacted(look),
        missing_networks=tuple(parts.missing_networks),
        recent_changes=tuple(parts.recent_changes),
        data=tuple(parts.data),
        absent=_absent(parts, overwritten),
        overwritten=overwritten,
        recorded=parts.recorded,
    )


def event_line(event: Event) -> str:
    """One event as a person reads it: time, kind, name, action and what it carries."""
    details = [
        f"{key}={event.attributes[key]}"
        for key in ("exitCode", "signal", "health", "container")
        if event.attributes.get(key)
    ]
    clock = event.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
    name = event.name or event.id[:12]
    return " ".join([clock, event.kind, name, event.action, *details])


def redacted(inspection: Json) -> dict[str, Any]:
    """The parts of an inspection worth keeping; of environment variables only the names."""
    kept = {key: inspection[key] for key in _KEPT if key in inspection}
    config = kept.get("Config")
    if isinstance(config, Mapping):
        names = [str(pair).partition("=")[0] + "=…" for pair in config.get("Env") or ()]
        kept["Config"] = {**config, "Env": names, **_commands(config)}
    arguments = kept.get("Args")
    if arguments and isinstance(arguments, list):
        kept["Args"] = masked_arguments([str(kept.get("Path", "")), *map(str, arguments)])[1:]
    return kept


def _commands(config: Json) -> dict[str, Any]:
    """Its command lines without what options of well-known programs introduce (``mysql -p…``)."""
    found: dict[str, Any] = {}
    first, then = ([str(one) for one in config.get(key) or ()] for key in ("Entrypoint", "Cmd"))
    if first:
        found["Entrypoint"] = masked_arguments(first)
    if then:
        # By itself: an entry point is mostly a script that executes it.
        found["Cmd"] = masked_arguments([*first, *masked_arguments(then)])[len(first) :]
    health = _mapping(config, "Healthcheck")
    test = health.get("Test")
    if test:
        kind, *command = map(str, test)
        found["Healthcheck"] = {**health, "Test": [kind, *masked_arguments(command)]}
    return found


# ── parts ──────────────────────────────────────────────────────────────────────────────────────


def _mapping(value: Json | None, key: str) -> Json:
    found = (value or {}).get(key)
    return found if isinstance(found, Mapping) else {}


def _overwritten(state: Json, event: Event | None) -> bool:
    """The inspection shows a later run than the one whose death is the matter."""
    if event is None or event.action != "die":
        return False
    started = parse_time(state.get("StartedAt"))
    return started is not None and started > event.at


def _exit_code(verdict: Verdict, shown: Json) -> int | None:
    if verdict.exit_code is not None:
        return verdict.exit_code
    running = bool(shown.get("Running"))
    code = shown.get("ExitCode")
    return code if isinstance(code, int) and not running else None


def _status(inspection: Json | None, verdict: Verdict, shown: Json) -> str:
    if inspection is not None:
        return str(_mapping(inspection, "State").get("Status", ""))
    return "removed" if verdict.trigger in ("removed", "missing") else str(shown.get("Status", ""))


def _restarts(look: Json) -> int:
    count = look.get("RestartCount")
    return count if isinstance(count, int) else 0


def _policy(host: Json) -> str:
    policy = _mapping(host, "RestartPolicy")
    name = str(policy.get("Name", ""))
    if name in ("", "no"):
        return ""
    retries = policy.get("MaximumRetryCount")
    return f"{name}:{retries}" if retries else name


def _event_lines(parts: CaseParts) -> tuple[str, ...]:
    seen = [*parts.events, *([parts.event] if parts.event else [])]
    # Events of networks have no labels: those of other projects are known by who joins or leaves.
    ours = {one.id for one in seen if one.kind == "container"} | {parts.verdict.container_id}
    seen = [
        one
        for one in seen
        if one.kind != "network"
        or one.name.startswith(f"{parts.project}_")
        or one.attributes.get("container") in ours
    ]
    return tuple(event_line(event) for event in Timeline.of(seen).events[-EVENT_LINES:])


def _finished(shown: Json, event: Event | None) -> datetime | None:
    if event is not None and event.action == "die":
        return event.at
    if shown.get("Running"):
        return None
    return parse_time(shown.get("FinishedAt")) or (event.at if event else None)


def _log(parts: CaseParts) -> tuple[str, ...]:
    lines: Iterable[str] = parts.log_tail or ()
    if not parts.log_tail and parts.last_seen:
        lines = parts.last_seen.log_tail
    return tuple(lines)[-LOG_LINES:]


def _health_log(state: Json, recorded: Json | None) -> tuple[HealthProbe, ...]:
    health = _mapping(state, "Health") or _mapping(_mapping(recorded, "State"), "Health")
    probes = []
    for entry in health.get("Log") or ():
        at = parse_time(entry.get("Start"))
        if at is not None:
            output = str(entry.get("Output", ""))[:OUTPUT_CHARS]
            probes.append(HealthProbe(at=at, exit_code=int(entry["ExitCode"]), output=output))
    return tuple(probes)


def _deaths(deaths: Sequence[datetime], sealed_at: datetime) -> tuple[datetime, ...]:
    return tuple(sorted({at for at in deaths if sealed_at - _RECENT <= at < sealed_at}))


def _absent(parts: CaseParts, overwritten: bool) -> tuple[str, ...]:
    missing = list(parts.absent)
    if parts.inspection is None and parts.last_seen is not None:
        seen = parts.last_seen.seen_at.astimezone(UTC).isoformat(timespec="seconds")
        missing.append(f"inspection: the container is gone; shown as last seen at {seen}")
    elif parts.inspection is None:
        missing.append("inspection: the container is gone and was never seen before")
    if overwritten:
        missing.append("state at the time of death: the engine restarted it first")
    if not parts.log_tail:
        kept = parts.last_seen is not None and parts.last_seen.log_tail
        missing.append("log: " + ("as kept when last seen" if kept else "none could be had"))
    if parts.event is None:
        missing.append("events: nobody watched when it happened")
    if parts.good_spec is None:
        missing.append("configuration of a last good release: there is none to compare with")
    return tuple(missing)
