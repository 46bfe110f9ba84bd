"""``storage.*``: folders, volumes and file systems."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tabib.decide.diagnose.heard import SYMPTOMS, finding, log_rule
from tabib.decide.diagnose.rule import (
    DEATHS,
    Rule,
    engine_rule,
    from_engine,
    from_health,
    from_log,
    quote,
)
from tabib.model.incident import Case, Evidence, Finding

_BIND = re.compile(
    r"bind source path does not exist: (\S+)|error while creating mount source path '([^']+)'"
    r"|Are you trying to mount a directory onto a file",
)
_MOUNTING = re.compile(r'error mounting "([^"]+)"')
_FULL = re.compile(r"[Nn]o space left on device|ENOSPC|[Dd]isk quota exceeded")
_READ_ONLY = re.compile(r"[Rr]ead-only file system|EROFS")
_DENIED = re.compile(r"[Pp]ermission denied|EACCES|[Oo]peration not permitted")


def mount_targets(case: Case) -> tuple[str, ...]:
    """Where the container's binds and volumes are mounted, by its inspection; longest first."""
    mounts: Iterable[object] = case.inspection.get("Mounts") or ()
    found = [str(m.get("Destination", "")) for m in mounts if isinstance(m, dict)]
    return tuple(sorted((target for target in found if target), key=len, reverse=True))


def _touched(case: Case) -> bool:
    return case.trigger in DEATHS or case.trigger == "unhealthy"


def _said(case: Case, pattern: re.Pattern[str]) -> Evidence | None:
    found = from_engine(case, pattern)
    if found is not None or not _touched(case):
        return found
    if case.trigger == "unhealthy":
        # The log of a container that runs may hold old complaints; its check speaks of now.
        return from_health(case, pattern)
    return from_log(case, pattern)


def _found(code: str, summary: str, *evidence: Evidence, severity: str = "error") -> Finding:
    return Finding(code=code, severity=severity, summary=quote(summary), evidence=evidence)


def _bind_missing(case: Case) -> Finding | None:
    found = _BIND.search(case.engine_error)
    evidence = from_engine(case, _BIND)
    if found is None or evidence is None:
        return None
    path = found.group(1) or found.group(2)
    if path:
        return _found("storage.bind-missing", f"{path} is mounted, and does not exist", evidence)
    # Compose's short form and `docker run -v` create a missing source as an empty folder: a
    # "directory onto a file" usually means that the file was not there at the first start.
    mounted = _MOUNTING.search(case.engine_error)
    path = mounted.group(1) if mounted else "a bind"
    summary = f"{path} is mounted, and is a folder where a file is wanted, or the reverse"
    return _found("storage.bind-missing", summary, evidence)


def _full(case: Case) -> Finding | None:
    evidence = _said(case, _FULL) or _seen_full(case)
    if evidence is None:
        return None
    return _found("storage.full", "a disk that it writes to is full", evidence, severity="critical")


def _seen_full(case: Case) -> Evidence | None:
    """What the disk of its data shows: a database that cannot write may say it in its own words."""
    if not _touched(case):
        return None
    full = next((one for one in case.data if one.verdict == "full"), None)
    return Evidence(source="host", text=quote(full.text)) if full else None


def _read_only(case: Case) -> Finding | None:
    evidence = _said(case, _READ_ONLY)
    if evidence is None:
        return None
    asked = bool((case.inspection.get("HostConfig") or {}).get("ReadonlyRootfs"))
    why = " (`read_only: true`)" if asked else ""
    return _found("storage.read-only", f"it writes to a read-only file system{why}", evidence)


def _permission_denied(case: Case) -> Finding | None:
    return None if _volume_permission(case) else finding(case, "storage.permission-denied")


def _volume_permission(case: Case) -> Finding | None:
    evidence = _said(case, _DENIED)
    if evidence is None or evidence.source == "engine":
        return None
    target = next((one for one in mount_targets(case) if one in evidence.text), "")
    if not target:
        return None
    user = str((case.inspection.get("Config") or {}).get("User") or "root")
    summary = f"its user ({user}) may not write to {target}, which is mounted"
    return _found("storage.volume-permission", summary, evidence)


_FLOOD_BYTES_PER_SECOND = 200_000
"""A log that grows by a gigabyte in an hour and a half."""


def _log_flood(case: Case) -> Finding | None:
    """Its own log fills the disk: written without bound, and fast."""
    full = _said(case, _FULL)
    options = ((case.inspection.get("HostConfig") or {}).get("LogConfig") or {}).get("Config")
    if full is None or case.recorded is None or (options or {}).get("max-size"):
        return None
    readings = case.recorded.container
    if "log_bytes" not in readings.metrics:
        return None
    place = readings.metrics.index("log_bytes")
    known = [
        (at, row[place])
        for at, row in zip(readings.times, readings.rows, strict=True)
        if row[place] is not None
    ]
    if len(known) < 2:
        return None
    (began, first), (ended, last) = known[0], known[-1]
    seconds, written = (ended - began).total_seconds(), (last or 0) - (first or 0)
    if seconds <= 0 or written < _FLOOD_BYTES_PER_SECOND * seconds:
        return None
    summary = f"its log grows by {written / seconds / 1e6:.1f} MB a second without a bound"
    history = Evidence(
        source="history", text=f"{written / 1e6:.0f} MB of log within {seconds:.0f} s", at=ended
    )
    return _found("storage.log-flood", summary, history, full)


RULES = (
    engine_rule(
        "storage.engine-root-full",
        r"(no space left on device|disk quota exceeded)",
        "the disk of the engine's own data is full: {0}",
        explain="The file system of images, containers, logs and volumes is full, or nearly.",
        advice="Free space: logs, unused images (`docker image prune`), the build cache.",
        explains=("engine.start-refused", "storage.full", "engine.corrupt-layer"),
    ),
    log_rule(
        "storage.inodes-full",
        explain="The file system can hold no more files, though there may be room.",
        advice="Find folders with very many small files (`du --inodes -x / | sort -n | tail`).",
        confidence=0.97,
        explains=("storage.full",),
    ),
    Rule(
        code="storage.log-flood",
        check=_log_flood,
        explain="What the container writes to its log fills the disk, and nothing bounds it.",
        advice="Set `logging: options: {max-size: 10m, max-file: 3}`, and read it.",
        confidence=0.96,
        restart_helps=False,
        explains=("storage.full", *SYMPTOMS),
    ),
    Rule(
        code="storage.bind-missing",
        check=_bind_missing,
        explain="A file or folder of the machine that is mounted is not there, or of wrong kind.",
        advice="Put the file or folder back; tabib never creates an empty one in its place.",
        confidence=0.97,
        restart_helps=False,
        explains=("engine.start-refused", "exit.command-not-found"),
    ),
    Rule(
        code="storage.full",
        check=_full,
        explain="No space is left where the container writes.",
        advice="Free space on the disk (logs, old images, old data), then start it again.",
        confidence=0.95,
        restart_helps=False,
        explains=("exit.app-error", "health.unhealthy", "engine.start-refused"),
    ),
    Rule(
        code="storage.read-only",
        check=_read_only,
        explain="The application wants to write where it may only read.",
        advice="Give it a tmpfs or a volume at that path, or look whether the disk failed.",
        confidence=0.85,
        restart_helps=False,
        explains=("exit.app-error", "health.unhealthy"),
    ),
    Rule(
        code="storage.volume-permission",
        check=_volume_permission,
        explain="The files of the volume belong to another user than the container runs as.",
        advice="Give the folder to the container's user (chown), or set `user:` to its owner.",
        confidence=0.85,
        restart_helps=False,
        explains=("exit.app-error", "health.unhealthy"),
    ),
    Rule(
        code="storage.permission-denied",
        check=_permission_denied,
        explain="The program's user may not use a file or folder that it needs.",
        advice="Give the path to the container's user in the image, or set `user:`.",
        confidence=0.8,
        restart_helps=False,
        explains=SYMPTOMS,
    ),
)
