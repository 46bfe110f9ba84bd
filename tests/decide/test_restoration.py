"""What an incident says of data that was restored."""

from __future__ import annotations

from datetime import UTC, datetime

from tabib.decide.restoration import said
from tabib.model.incident import Cause, Incident, Restoration

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def told(restored: Restoration | None, rpo_seconds: float | None = None) -> tuple[str, ...]:
    cause = Cause(code="storage.volume-lost", summary="it is gone", confidence=1.0, cites=())
    return said(
        Incident(
            id="i1", opened_at=NOW, seen_at=NOW, engine_id="e", cluster="default", project="shop",
            service="db", container="shop-db-1", severity="critical", cause=cause,
            restored=restored, rpo_seconds=rpo_seconds,
        )
    )  # fmt: skip


def test_nothing_lost_is_said_literally_and_how_that_is_known() -> None:
    whole = ("data: its log was received until the database ended",)
    lines = told(Restoration(snapshot="s1", datasets=("data",), whole=whole), 0.0)
    assert "lost: nothing" in lines
    assert "nothing is lost of data: its log was received until the database ended" in lines


def test_what_is_lost_is_said_with_its_age() -> None:
    lost = ("data: what was written after 11:59:00 UTC",)
    lines = told(Restoration(snapshot="s1", datasets=("data",), lost=lost), 60.0)
    assert not any("nothing" in line for line in lines)
    assert any(line.startswith("lost (what was written in the last") for line in lines)


def test_where_nothing_was_restored_nothing_is_said() -> None:
    assert told(None) == ()
