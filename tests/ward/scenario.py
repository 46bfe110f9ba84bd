"""A scenario: a Compose file with a fault, what is done to it, and what tabib is expected to do.

The files in ``scenarios/`` are lists of these, as YAML; README.md has the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "scenarios"
PASSIVE = frozenset(("none", "offer", "wait_for_dependency"))
"""Treatments that touch nothing."""
_FIELDS = frozenset(("name", "about", "compose", "files", "do", "expect", "quick", "within"))
_EXPECT = frozenset(("service", "cause", "by", "treatment", "outcome", "never", "healthy", "watch"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    healthy: bool = False
    """Nothing is wrong: no incident, no action."""
    watch_s: float = 8.0
    """How long a healthy one is looked at after the last step."""
    service: str = ""
    """Whose incident it is: where the trouble shows."""
    by: str = ""
    """The service that the trouble comes from, where that is another one."""
    cause: tuple[str, ...] = ()
    treatment: tuple[str, ...] = ()
    """Acceptable last treatments; ``none``: nothing is done."""
    outcome: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    """Harm: an action, or ``SERVICE:action`` of one service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    family: str
    compose: str
    expect: Expect
    about: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[tuple[str, Any], ...] = ()
    quick: bool = False
    within_s: float = 45.0
    """How long the end is waited for."""

    @property
    def across(self) -> bool:
        return bool(self.expect.by)

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(yaml.safe_load(self.compose)["services"])


def scenarios() -> list[Scenario]:
    """All of them, by family and name. :raises ValueError: one is not well formed."""
    found = [one for path in sorted(FOLDER.glob("*.yaml")) for one in _read(path)]
    names = [one.name for one in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two scenarios have one name: {', '.join(sorted(twice))}")
    return found


def _read(path: Path) -> list[Scenario]:
    return [_scenario(path.stem, row) for row in yaml.safe_load(path.read_text("utf-8"))]


def _scenario(family: str, row: Mapping[str, Any]) -> Scenario:
    unknown = (row.keys() - _FIELDS) | (row["expect"].keys() - _EXPECT)
    if unknown:
        raise ValueError(f"{family}/{row.get('name')}: unknown {', '.join(sorted(unknown))}")
    expect = row["expect"]
    made = Expect(
        healthy=bool(expect.get("healthy", False)),
        watch_s=float(expect.get("watch", 8.0)),
        service=expect.get("service", ""),
        by=expect.get("by", ""),
        cause=_texts(expect.get("cause")),
        treatment=_texts(expect.get("treatment")),
        outcome=_texts(expect.get("outcome")),
        never=_texts(expect.get("never")),
    )
    if not made.healthy and not (made.service and made.cause and made.treatment and made.outcome):
        raise ValueError(f"{family}/{row['name']}: what is expected is not complete")
    return Scenario(
        name=row["name"],
        family=family,
        about=row.get("about", ""),
        compose=row["compose"],
        files=row.get("files") or {},
        steps=tuple(_step(one) for one in row.get("do") or ["up"]),
        expect=made,
        quick=bool(row.get("quick", False)),
        within_s=float(row.get("within", 45.0)),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _step(row: Any) -> tuple[str, Any]:
    if isinstance(row, str):
        return row, ""
    ((verb, argument),) = row.items()
    return verb, argument
