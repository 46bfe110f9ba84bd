"""Canonical Compose values in the units of the Engine API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)")
_SECOND_NS = 1_000_000_000


def duration_ns(value: object) -> int:
    """A canonical duration (Go's form, ``1m30s``) in nanoseconds; nothing is 0."""
    text = str(value or "")
    return round(sum(float(number) * _UNIT_NS[unit] for number, unit in _PART.findall(text)))


def duration_s(value: object) -> int:
    """A canonical duration in whole seconds, cut off as Compose does."""
    return duration_ns(value) // _SECOND_NS


def integer(value: object) -> int:
    """A canonical number or size: an int, or a decimal string; nothing is 0."""
    return int(str(value)) if value not in (None, "") else 0


def nanos(value: object) -> int:
    """A number of CPUs as the API's billionths."""
    return round(float(str(value)) * 1_000_000_000) if value not in (None, "") else 0


def part(mapping: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The mapping under a path of keys; empty where one of them is missing or null."""
    for key in keys:
        mapping = mapping.get(key) or {}
    return mapping


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields that say nothing: the engine's own default stands for them."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {}, 0)}
