"""What tabib may change of a service within the policy that the user wrote: limits, ``init``, the
rotation of its log. Canonical mappings in, canonical mappings out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FACTOR = 1.5
"""A limit is raised by this factor, up to what the policy allows."""
ROTATION = {"max-size": "10m", "max-file": "3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """A limit that may be raised. Bytes for ``memory``, a number for ``pids``."""

    limit: str
    before: int
    after: int


_FLAT = {"memory": "mem_limit", "pids": "pids_limit"}
LIMIT_OF = {"memory.container-oom": "memory", "process.pid-limit": "pids"}
"""Cause → the limit that it speaks of."""


def raisable(cause: str, spec: Mapping[str, Any], extension: Mapping[str, Any]) -> Raise | None:
    """How far the limit behind ``cause`` may be raised; None where the policy (``x-tabib.limits``)
    names none, where there is no limit, or where it is at its maximum."""
    limit = LIMIT_OF.get(cause, "")
    policy = (extension.get("limits") or {}).get(limit) or {}
    highest, before = _number(policy.get("max")), _number(_limit(spec, limit))
    after = min(highest, int(before * FACTOR))
    return Raise(limit=limit, before=before, after=after) if before and after > before else None


def with_limit(spec: Mapping[str, Any], limit: str, value: int) -> dict[str, Any]:
    """The service with another limit, where it stands now. Its swap grows by as much."""
    changed = dict(spec)
    limits = dict(((spec.get("deploy") or {}).get("resources") or {}).get("limits") or {})
    text = str(value) if limit == "memory" else value
    if limits.get(limit):
        limits[limit] = text
        resources = {**spec["deploy"]["resources"], "limits": limits}
        changed["deploy"] = {**spec["deploy"], "resources": resources}
    if spec.get(_FLAT[limit]) or not limits.get(limit):
        changed[_FLAT[limit]] = text
    swap = _number(spec.get("memswap_limit"))
    if limit == "memory" and swap > 0:
        more = value - _number(_limit(spec, limit))
        changed["memswap_limit"] = str(swap + more)
    return changed


def with_init(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The service with an init process, which reaps what its own leaves."""
    return {**spec, "init": True}


def with_rotation(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The service with a log of bounded size."""
    logging = dict(spec.get("logging") or {})
    options = {**ROTATION, **(logging.get("options") or {})}
    return {**spec, "logging": {**logging, "driver": logging.get("driver") or "json-file",
                                "options": options}}  # fmt: skip


def _limit(spec: Mapping[str, Any], limit: str) -> Any:
    if not limit:
        return None
    limits = ((spec.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return limits.get(limit) or spec.get(_FLAT[limit])


def _number(value: Any) -> int:
    text = str(value or 0)
    return int(text) if text.lstrip("-").isdigit() else 0
