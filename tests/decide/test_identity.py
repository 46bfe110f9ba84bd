"""Whether a data set is what it was: by its folder, its files, its database and its size."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.backups.identity import Sameness, Seen, compare, ripened
from tabib.model.backup import Identity, Place

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OLD, NEW = "7300000000000000001", "7400000000000000002"
POSTGRES = Identity(
    dataset="data",
    place=Place(type="volume", source="shop_data"),
    seen_at=NOW,
    volume_id="v1",
    generation=1,
    root="8:100:5",
    kind="postgres",
    database=OLD,
    marks=("PG_VERSION", "global/pg_control"),
    size_bytes=50_000_000,
    files=900,
)
WELL = Seen(
    there=True,
    empty=False,
    root="8:100:5",
    volume_id="v1",
    generation=1,
    database=OLD,
    marks=("PG_VERSION", "global/pg_control"),
    size_bytes=50_000_000,
    files=900,
)
FILES = replace(POSTGRES, kind="files", database="", marks=(), size_bytes=9_000_000, files=40)
FILES_WELL = replace(WELL, database="", marks=(), size_bytes=9_000_000, files=40)


@pytest.mark.parametrize(
    ("known", "seen", "verdict", "engine"),
    [
        (POSTGRES, WELL, "same", False),
        (POSTGRES, replace(WELL, there=None, why="it does not answer"), "unknown", False),
        (POSTGRES, Seen(there=False, why="the engine has no such volume"), "lost", True),
        (POSTGRES, replace(WELL, empty=True, marks=(), database=""), "emptied", False),
        (POSTGRES, replace(WELL, empty=True, marks=(), root="8:200:9"), "emptied", True),
        (POSTGRES, replace(WELL, marks=(), database=""), "emptied", False),
        (POSTGRES, replace(WELL, database=NEW), "replaced", True),
        # A copy of it in another folder is the same database.
        (POSTGRES, replace(WELL, root="8:300:9"), "same", False),
        # What cannot be read of a damaged control file is no other database.
        (POSTGRES, replace(WELL, database=""), "same", False),
        (POSTGRES, replace(WELL, size_bytes=20_000_000), "shrunk", False),
        (POSTGRES, replace(WELL, size_bytes=30_000_000), "same", False),
        (POSTGRES, replace(WELL, size_bytes=None), "same", False),
        # Redis writes its log anew, much smaller, and nothing is lost.
        (replace(POSTGRES, kind="redis"), replace(WELL, size_bytes=1000), "same", False),
        (FILES, FILES_WELL, "same", False),
        (FILES, replace(FILES_WELL, size_bytes=1000, root="8:200:9"), "replaced", True),
        (FILES, replace(FILES_WELL, size_bytes=1000), "shrunk", False),
        (FILES, replace(FILES_WELL, root="8:200:9"), "same", False),
        (FILES, replace(FILES_WELL, volume_id="v2", size_bytes=1000), "replaced", True),
        # tabib's own swap of generations is no other place.
        (
            FILES,
            replace(FILES_WELL, generation=2, root="8:200:9", size_bytes=1000),
            "shrunk",
            False,
        ),
        # What never held anything cannot lose it.
        (replace(FILES, files=0, size_bytes=0), Seen(there=False), "same", False),
        (
            replace(FILES, files=3, size_bytes=900),
            replace(FILES_WELL, size_bytes=10),
            "same",
            False,
        ),
        # What was too large to be measured held something.
        (replace(FILES, files=None, size_bytes=None), Seen(there=False), "lost", True),
    ],
)
def test_verdicts(known: Identity, seen: Seen, verdict: str, engine: bool) -> None:
    found = compare(known, seen)
    assert found.verdict == verdict, found
    assert bool(found.engine) is engine, found
    assert bool(found.text) is (verdict != "same")


def test_the_words_say_what_was_and_what_is() -> None:
    made = replace(WELL, database=NEW, since=NOW + timedelta(hours=1))
    text = compare(POSTGRES, made).text
    assert OLD in text
    assert NEW in text
    assert "2026-01-01 13:00:00" in text
    assert "50.0 MB" in compare(POSTGRES, replace(WELL, empty=True)).text


_marks = st.lists(st.sampled_from(["PG_VERSION", "dump.rdb"]), unique=True).map(tuple)
_seen = st.builds(
    Seen,
    there=st.sampled_from([True, False, None]),
    empty=st.booleans(),
    root=st.sampled_from(["", "8:100:5", "8:200:6"]),
    volume_id=st.sampled_from(["", "v1", "v2"]),
    generation=st.sampled_from([None, 1, 2]),
    database=st.sampled_from(["", OLD, NEW]),
    marks=st.none() | _marks,
    size_bytes=st.none() | st.integers(0, 10**9),
    files=st.none() | st.integers(0, 1000),
)


@given(seen=_seen)
def test_what_was_just_recorded_is_the_same_and_what_is_unknown_is_no_loss(seen: Seen) -> None:
    known = replace(
        POSTGRES,
        root=seen.root,
        volume_id=seen.volume_id,
        generation=seen.generation,
        database=seen.database,
        marks=seen.marks or (),
        size_bytes=seen.size_bytes,
        files=0 if seen.empty else seen.files,
    )
    if seen.there and not (seen.empty and known.marks):
        same = replace(seen, empty=False) if known.database or known.marks else seen
        assert compare(known, same).verdict is Sameness.SAME
    if seen.there is None:
        assert compare(POSTGRES, seen).verdict is Sameness.UNKNOWN


def test_what_was_empty_at_first_is_recorded_once_something_is_in_it() -> None:
    blank = replace(FILES, files=0, size_bytes=0)
    assert ripened(blank, FILES_WELL)
    assert not ripened(blank, replace(FILES_WELL, empty=True))
    assert ripened(replace(POSTGRES, database="", marks=()), WELL)
    assert not ripened(POSTGRES, WELL)


# ── databases that are files ───────────────────────────────────────────────────────────────────

SQLITE = replace(
    POSTGRES, kind="sqlite", database="rows.db of 5", marks=("rows.db",), size_bytes=4_000_000
)
ROWS = replace(WELL, database="rows.db of 5", marks=("rows.db",), size_bytes=4_000_000)


def test_a_sqlite_file_that_was_made_anew_and_holds_less_is_another() -> None:
    found = compare(SQLITE, replace(ROWS, database="rows.db of 9", since=NOW, size_bytes=4096))
    assert found.verdict is Sameness.REPLACED
    assert "rows.db is another file" in found.engine


@pytest.mark.parametrize(
    "seen",
    [
        replace(ROWS, database="rows.db of 9"),  # put in its place by the application
        replace(ROWS, database=""),  # where births are not told
    ],
)
def test_a_sqlite_file_that_holds_as_much_is_the_same(seen: Seen) -> None:
    assert compare(SQLITE, seen).verdict is Sameness.SAME


def test_a_sqlite_file_that_holds_less_may_have_been_emptied_by_its_application() -> None:
    assert compare(SQLITE, replace(ROWS, size_bytes=4096)).verdict is Sameness.SHRUNK
