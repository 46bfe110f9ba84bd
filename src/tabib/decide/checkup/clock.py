"""``clock.*``: whether the engine's machine knows the time."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.checkup.rule import Check, engine, of_node, shared
from tabib.model.checkup import CheckupFinding, Observation

LIMIT_S = 5.0
GRAVE_S = 120.0


def _skew(observation: Observation) -> Iterable[CheckupFinding]:
    offset = observation.clock_offset_s
    if abs(offset) < LIMIT_S:
        return
    way = "ahead of" if offset > 0 else "behind"
    yield of_node(
        "clock.skew",
        "error" if abs(offset) >= GRAVE_S else "warning",
        f"the engine's clock is {abs(offset):.0f} s {way} this machine's",
        engine(f"its SystemTime differs by {offset:+.1f} s"),
    )


RULES: tuple[Check, ...] = (shared("clock.skew", _skew),)
