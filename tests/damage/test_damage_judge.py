"""The judge of damaged data finds each thing that it is there to find."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from damage import judge
from damage.judge import Result

T = 1_700_000_000.0
TAKEN, BEGAN, HEALTHY = T + 10, T + 40, T + 60
"""The snapshot; the restore; the engine's word. The damage was at ``T + 30``."""


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def incident(kept: Path, **other: Any) -> dict[str, Any]:
    treatment = {"action": "restore", "outcome": "verified", "started_at": iso(BEGAN)}
    return {
        "opened_at": iso(T + 30),
        "outcome": "recovered",
        "cause": {"code": "database.corrupt"},
        "treatments": [treatment],
        "restored": {"snapshot": "s1", "kept": [str(kept)], "damage_snapshot": ""},
        "rpo_seconds": 30.0,
        "rto_seconds": 30.0,
        **other,
    }


def judged(
    kept: Path, *, gone: set[int], spoiled: bool = False, healthy: float = HEALTHY, **other: Any
) -> list[str]:
    """A row each second from ``T`` to ``T + 40``; ``gone`` are not there after the restore."""
    result = Result(name="", database="", damage="", end="restored")
    acked = {second: T + second for second in range(40)}
    there = {row: f"w{row}" for row in acked if row not in gone}
    if spoiled:
        there[3] = "other"
    listed = [{"id": "s1", "taken_at": iso(TAKEN)}]
    safe = judge.restored(result, incident(kept, **other), listed, [healthy], nothing_to_keep=False)
    judge.rows(result, acked, there, safe)
    judge.stated_loss(result)
    return result.wrong


LATER = set(range(10, 40))


def test_what_went_as_stated_is_well(tmp_path: Path) -> None:
    assert judged(tmp_path, gone=LATER) == []


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("older than the restore point", {"gone": LATER | {9}}),
        # An RPO that is stated too large is no excuse for rows that the snapshot must have.
        ("older than the restore point", {"gone": LATER | {9}, "rpo_seconds": 35.0}),
        ("are lost", {"gone": LATER, "rpo_seconds": 20.0}),
        ("hold something else", {"gone": LATER, "spoiled": True}),
        ("RTO is", {"gone": LATER, "rto_seconds": 27.0}),
        ("RTO is", {"gone": LATER, "healthy": HEALTHY + 3}),
        ("at no time", {"gone": LATER, "healthy": BEGAN - 1}),
        ("not stated", {"gone": LATER, "rpo_seconds": None}),
        ("not kept", {"gone": LATER, "restored": {"snapshot": "s1", "kept": ["/nowhere"]}}),
        ("not listed", {"gone": LATER, "restored": {"snapshot": "s2", "kept": ["/"]}}),
        ("restores: []", {"gone": LATER, "treatments": []}),
    ],
)
def test_what_did_not_is_found(tmp_path: Path, words: str, more: dict[str, Any]) -> None:
    assert words in " ".join(judged(tmp_path, **more))


def test_trouble_beside_the_damage_is_not_left_out() -> None:
    def of(code: str, outcome: str = "recovered") -> dict[str, Any]:
        return {"cause": {"code": code}, "outcome": outcome, "treatments": []}

    corrupt = of("database.corrupt")
    assert judge.about_it([corrupt, of("process.zombies")]) != [corrupt]
    assert judge.about_it([of("exit.killed"), corrupt]) == [corrupt]
    assert judge.about_it([of("exit.killed", "needs_human"), corrupt]) != [corrupt]
