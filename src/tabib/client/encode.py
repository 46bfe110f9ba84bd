"""Requests as JSON by the standard library: importing msgspec would cost a command 50 ms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def encode(value: object) -> bytes:
    """JSON bytes of a request; the daemon decodes them into the same noun.

    Holds what requests hold: dataclasses, mappings with string keys, sequences, numbers, strings.

    :raises TypeError: something else is in it.
    """
    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "replace"
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"a request cannot hold a {type(value).__name__}")
