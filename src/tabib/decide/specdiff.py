"""Differences of a service's canonical mapping to an earlier one, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tabib.decide.quoting import quote

MAX_LINES = 30
_SECRET = frozenset({"environment", "build", "labels", "secrets", "configs"})
"""Sections whose values may be secret: only the names of what changed are told."""


def differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """One line per changed setting, in order of their paths; none where either is unknown."""
    if before is None or after is None:
        return ()
    lines = list(_walk("", before, after, hidden=False))
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"and {len(lines) - MAX_LINES} more"]
    return tuple(lines)


def _walk(path: str, before: Any, after: Any, *, hidden: bool) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else str(key)
            hide = hidden or (not path and key in _SECRET)
            yield from _walk(inner, before.get(key), after.get(key), hidden=hide)
    elif before is None:
        hidden = hidden or "vault:" in str(after)
        yield f"{path} was added" + ("" if hidden else f": {quote(str(after))}")
    elif after is None:
        hidden = hidden or "vault:" in str(before)
        yield f"{path} was removed" + ("" if hidden else f": {quote(str(before))}")
    elif hidden or any("vault:" in str(value) for value in (before, after)):
        yield f"{path} was changed"
    else:
        yield f"{path} was changed from {quote(str(before))} to {quote(str(after))}"
