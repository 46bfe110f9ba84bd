"""Which files of a write-ahead log lead on from a base backup, and where to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tabib.decide.backups.point_in_time import why_no_log
from tabib.decide.backups.wal import (
    PUT_BACK,
    SEGMENT_BYTES,
    begins_anew,
    history,
    position,
    segment,
    stretch,
    timeline_at,
    took_connections,
)
from tabib.model.backup import Dataset, Place

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def name(number: int, timeline: int = 1, size: int = SEGMENT_BYTES) -> str:
    high, low = divmod(number, (1 << 32) // size)
    return f"{timeline:08X}{high:08X}{low:08X}"


def led(files: list[str], base: list[str], *, timeline: int = 1) -> tuple[list[str], str]:
    found = stretch(files, base, base[0], size=SEGMENT_BYTES, timeline=timeline)
    return list(found.names), found.missing


@pytest.mark.parametrize("size", [SEGMENT_BYTES, 1 << 20, 1 << 30])
@pytest.mark.parametrize("number", [0, 1, 3, 255, 256, 4096, 70_000])
def test_a_name_tells_its_number_whatever_the_size(number: int, size: int) -> None:
    found = segment(name(number, 3, size), size)
    assert found is not None
    assert (found.number, found.timeline, found.partial) == (number, 3, False)


@pytest.mark.parametrize("odd", ["", "tabib.json", "00000002.history", name(1) + ".gz", "x" * 24])
def test_other_files_are_no_segments(odd: str) -> None:
    assert segment(odd) is None


def test_history_files_are_known() -> None:
    assert (history("0000000A.history"), history(name(1))) == (10, None)


def test_what_follows_without_a_hole_is_taken_with_the_part_in_progress() -> None:
    files = [name(1), name(2), name(3), name(4), name(5) + ".partial"]
    assert led(files, [name(2), name(3)]) == ([name(2), name(3), name(4), name(5) + ".partial"], "")


def test_beyond_a_hole_nothing_is_taken_and_the_hole_is_named() -> None:
    files = [name(3), name(4), name(6), name(7)]
    assert led(files, [name(2), name(3)]) == ([name(3), name(4)], name(5))


def test_segments_of_the_base_bridge_a_stream_that_begins_within_it() -> None:
    assert led([name(4), name(5)], [name(2), name(3)]) == ([name(4), name(5)], "")


def test_a_stream_that_begins_after_the_base_is_a_hole() -> None:
    assert led([name(5), name(6)], [name(2), name(3)]) == ([], name(4))


def test_a_whole_segment_is_taken_instead_of_its_part() -> None:
    files = [name(3) + ".partial", name(3)]
    assert led(files, [name(2)]) == ([name(3)], "")


def test_a_later_timeline_is_left_out_where_an_earlier_is_followed() -> None:
    files = [name(3), name(3, 2), name(4, 2), "00000002.history"]
    assert led(files, [name(2)])[0] == [name(3), "00000002.history"]
    followed = led(files, [name(2)], timeline=2)[0]
    assert followed == sorted([name(3), name(3, 2), name(4, 2), "00000002.history"])


def test_without_files_nothing_leads_on() -> None:
    assert led([], [name(2), name(3)]) == ([], "")


def test_a_time_belongs_to_the_timeline_that_had_begun() -> None:
    begun = {"00000002.history": NOW, "00000003.history": NOW + timedelta(hours=1)}
    assert timeline_at(begun, 1, NOW - timedelta(seconds=1)) == 1
    assert timeline_at(begun, 1, NOW + timedelta(minutes=1)) == 2
    assert timeline_at(begun, 1, None) == 3
    assert timeline_at({}, 4, None) == 4


def test_what_the_receiver_says_tells_whether_it_can_go_on() -> None:
    removed = "ERROR:  requested WAL segment 000000010000000000000002 has already been removed"
    assert "let go" in begins_anew(removed)
    forked = 'could not send replication command "START_REPLICATION": ERROR:  requested starting '
    forked += "point 0/9000000 on timeline 1 is not in this server's history"
    assert begins_anew(forked) == PUT_BACK
    foreign = 'could not send replication command "START_REPLICATION": FEHLER:  …'
    assert begins_anew(foreign)
    assert begins_anew("connection to server failed: Connection refused") == ""


def test_places_in_the_log_compare_as_numbers() -> None:
    assert position("0/16B3748") == 0x16B3748
    assert position("1/0") == 1 << 32
    assert position("") is None
    assert position("no place") is None


@pytest.mark.parametrize(
    ("said", "took"),
    [
        ([], False),
        (["LOG:  starting PostgreSQL 15", "PANIC:  could not locate a valid checkpoint"], False),
        (["LOG:  starting", "LOG:  database system is ready to accept connections"], True),
        (["LOG:  database system is ready to accept read-only connections"], True),
        (["PROTOKOLL:  Datenbanksystem ist bereit, um Verbindungen anzunehmen"], True),
    ],
)
def test_whether_a_server_let_anybody_in(said: list[str], took: bool) -> None:
    assert took_connections(said) is took


def test_of_which_data_a_log_is_kept() -> None:
    place = Place(type="volume", source="shop_data")
    data = Dataset(name="data", kind="postgres", place=place, service="db", covered=True)

    def why(one: Dataset, *, local: bool = True, litestream: bool = True) -> str:
        return why_no_log(one, local=local, litestream=litestream)

    assert why(data) == ""
    assert "on another machine" in why(data, local=False)
    assert "redis" in why(replace(data, kind="redis"))
    assert "not backed up" in why(replace(data, covered=False))
    assert "method: stop" in why(replace(data, method="stop"))
    assert why(replace(data, kind="sqlite")) == ""
    assert "Litestream is not" in why(replace(data, kind="sqlite"), litestream=False)
