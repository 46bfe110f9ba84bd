"""What was changed shortly before a trouble, and what that says of its causes: the first thing that
an experienced person asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tabib.decide.specdiff import differences
from tabib.model.event import Event
from tabib.model.incident import Case, Cause, Change
from tabib.model.release import Release

LATELY = timedelta(minutes=30)
SHORTLY = timedelta(minutes=2)
"""Restarts and networks act at once, or not at all."""
HOST = timedelta(minutes=5)
KEPT = 12
_LINES = 4
_WEIGHT = 1.15
_SUREST = 0.99

_FITS: Mapping[str, frozenset[str]] = {
    "configuration": frozenset(
        {
            *("exit.missing-env", "exit.command-not-found", "exit.not-executable"),
            *("exit.app-error", "config.invalid", "config.file-missing", "config.secret-missing"),
            *("config.limit-refused", "config.device-missing", "health.bad-command"),
            *("memory.container-oom", "process.pid-limit", "storage.bind-missing"),
            *("storage.volume-permission", "storage.read-only", "storage.permission-denied"),
            *("network.port-taken", "network.dns", "network.refused", "network.bind-failed"),
            *("database.auth-failed", "database.missing", "cpu.throttled", "memory.shared"),
        }
    ),
    "image": frozenset(
        {
            *("exit.exec-format", "exit.command-not-found", "exit.not-executable"),
            *("exit.app-error", "exit.segfault", "exit.missing-module", "exit.missing-env"),
            *("image.not-found", "image.platform", "health.bad-command", "config.invalid"),
            *("database.version-mismatch", "database.migration-failed", "tls.untrusted"),
            *("storage.volume-permission", "memory.container-oom", "health.unhealthy"),
        }
    ),
    "network": frozenset(
        {
            *("network.dns", "network.refused", "network.timeout", "network.partition"),
            *("network.missing", "network.disconnected"),
        }
    ),
    "restart": frozenset(
        {
            *("network.refused", "network.reset", "network.timeout", "database.not-ready"),
            "network.partition",
        }
    ),
    "host": frozenset({"engine.restarted", "network.missing", "storage.bind-missing"}),
}
"""Kind of change → causes that it makes likelier, in the service itself."""
_OF_OTHERS = frozenset(
    {
        *("network.dns", "network.refused", "network.timeout", "network.reset"),
        *("network.partition", "database.not-ready", "database.auth-failed"),
        *("database.missing", "database.too-many-connections"),
    }
)
"""Causes that a change of a service which it depends on makes likelier."""


def of_release(
    former: Release | None, current: Release | None, services: Collection[str], at: datetime
) -> tuple[Change, ...]:
    """What the release in care changed of ``services``, where it was made lately before ``at``."""
    if former is None or current is None or not _within(current.created_at, at, LATELY):
        return ()
    found = []
    for name in services:
        before, after = _spec(former, name), _spec(current, name)
        if before is None or after is None:
            continue
        by = f"release {current.number}"
        old, new = former.images.get(name), current.images.get(name)
        if before.get("image") != after.get("image"):
            text = f"{by} changed the image of {name}: {before.get('image')} → {after.get('image')}"
            found.append(Change(at=current.created_at, kind="image", text=text, service=name))
        elif old is not None and new is not None and old.image_id != new.image_id:
            text = f"{by} changed the image of {name}: another {after.get('image')}"
            found.append(Change(at=current.created_at, kind="image", text=text, service=name))
        lines = differences({**before, "image": ""}, {**after, "image": ""})
        if lines:
            more = f"; and {len(lines) - _LINES} more" if len(lines) > _LINES else ""
            text = f"{by} changed the configuration of {name}: " + "; ".join(lines[:_LINES]) + more
            found.append(
                Change(at=current.created_at, kind="configuration", text=text, service=name)
            )
    return tuple(found)


def of_events(
    events: Iterable[Event], dependencies: Collection[str], container_id: str, at: datetime
) -> tuple[Change, ...]:
    """Restarts of what it depends on, and what happened to its networks, shortly before ``at``."""
    found = []
    for event in events:
        if not _within(event.at, at, SHORTLY):
            continue
        if event.kind == "container" and event.action in ("restart", "start"):
            if event.service in dependencies and not event.oneoff:
                verb = "restarted" if event.action == "restart" else "started"
                text = f"{event.service}, which it needs, was {verb}"
                found.append(Change(at=event.at, kind="restart", text=text, service=event.service))
        elif event.kind == "network" and event.action in ("disconnect", "destroy"):
            mine = event.attributes.get("container") == container_id
            if event.action == "disconnect" and mine:
                text = f"it was detached from the network {event.name}"
                found.append(Change(at=event.at, kind="network", text=text))
    return tuple(found)


def of_host(engine_started_at: datetime | None, at: datetime) -> tuple[Change, ...]:
    """A restart of the engine or of the machine shortly before ``at``."""
    if engine_started_at is None or not _within(engine_started_at, at, HOST):
        return ()
    return (Change(at=engine_started_at, kind="host", text="the engine was started"),)


def newest(*found: Iterable[Change]) -> tuple[Change, ...]:
    """All of them, the newest first; the same is told once."""
    every = {(one.kind, one.text): one for each in found for one in each}
    return tuple(sorted(every.values(), key=lambda one: one.at, reverse=True)[:KEPT])


def behind(case: Case, cause: Cause) -> Change | None:
    """The newest recent change that makes ``cause`` likelier."""
    for change in case.recent_changes:
        if change.service in ("", case.service):
            if cause.code in _FITS.get(change.kind, ()):
                return change
        elif cause.code in _OF_OTHERS and cause.service in ("", change.service):
            return change
    return None


def weighed(case: Case, causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """The causes, those first that a recent change makes likely; among equals the order stays."""
    found = []
    for cause in causes:
        if behind(case, cause) is not None:
            sure = min(_SUREST, max(cause.confidence, round(cause.confidence * _WEIGHT, 2)))
            cause = replace(cause, confidence=max(sure, cause.confidence))
        found.append(cause)
    return tuple(sorted(found, key=lambda cause: -cause.confidence))


def _within(changed: datetime, at: datetime, limit: timedelta) -> bool:
    return timedelta(0) <= at - changed <= limit


def _spec(release: Release, service: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] = (release.model.get("services") or {}).get(service) or {}
    spec: Mapping[str, Any] | None = found.get("spec")
    return spec
