"""References to secrets, put for what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_values(value: Any, table: Mapping[str, str]) -> Any:
    """JSON values in which each reference of ``table`` is replaced by what stands for it."""
    if isinstance(value, str):
        return table.get(value, value)
    if isinstance(value, Mapping):
        return {key: with_values(member, table) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [with_values(one, table) for one in value]
    return value
