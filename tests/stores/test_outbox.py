"""The outbox takes each notice in once, and keeps it until it was told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stores.clocks import ManualClock
from tabib.model.notice import Destination, Notice, Told
from tabib.stores.journal import SqliteJournal

NOW = datetime(2030, 1, 9, tzinfo=UTC)
PLACE = Destination(id="d", url="vault:1", label="json://****", known_since=NOW)


def notice(name: str, destination: str = "d") -> Notice:
    return Notice(
        id=f"{destination}/{name}/0/open", destination=destination, kind="open", at=NOW,
        incident=name, era="0", project="p", service="s", severity="error", title="t", head="h",
        text="x",
    )  # fmt: skip


async def test_a_notice_is_taken_in_once_and_told_once(tmp_path: Path) -> None:
    journal = await SqliteJournal.open(tmp_path, ManualClock())
    box = journal.outbox
    assert await box.put([notice("a"), notice("b"), notice("a", "e")]) == 3
    assert await box.put([notice("a")]) == 0
    assert [one.incident for one in await box.pending("d")] == ["a", "b"]
    assert len(await box.pending()) == 3
    told = Told(notice=notice("a"), message="m", at=NOW + timedelta(seconds=5))
    await box.settle(replace(PLACE, delivered_at=NOW), [told], [notice("b")])
    assert await box.pending("d") == []
    assert await box.put([notice("a"), notice("b")]) == 0
    assert await box.told("d", NOW) == [told]
    assert await box.told("d", NOW + timedelta(seconds=6)) == []
    assert await box.destinations() == [replace(PLACE, delivered_at=NOW)]
    await journal.close()


async def test_what_was_dropped_may_come_again_and_what_is_old_goes(tmp_path: Path) -> None:
    journal = await SqliteJournal.open(tmp_path, ManualClock())
    box = journal.outbox
    await box.put([notice("a"), notice("b")])
    assert await box.drop("a") == 1
    assert await box.put([notice("a")]) == 1
    await box.settle(PLACE, [Told(notice=notice("a"), message="m", at=NOW)])
    assert await box.drop("a") == 0
    assert await box.prune(NOW + timedelta(seconds=1)) == 1
    assert [one.incident for one in await box.pending()] == ["b"]
    await journal.close()


async def test_it_outlives_the_process(tmp_path: Path) -> None:
    journal = await SqliteJournal.open(tmp_path, ManualClock())
    await journal.outbox.put([notice("a")])
    await journal.outbox.put_destination(PLACE)
    await journal.close()
    journal = await SqliteJournal.open(tmp_path, ManualClock())
    assert [one.incident for one in await journal.outbox.pending()] == ["a"]
    assert await journal.outbox.destinations() == [PLACE]
    await journal.close()
