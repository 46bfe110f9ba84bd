"""A restore by itself: two witnesses, a good copy, and nothing against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.replay import slot

from tabib.decide.backups.witness import (
    FRESH,
    WINDOW,
    Copy,
    Damage,
    Do,
    Sort,
    about_data_first,
    merely_down,
    newest_good,
    restored_at,
    weigh,
)
from tabib.decide.diagnose import diagnose
from tabib.decide.treat import Action, Decision, Patient, treat
from tabib.decide.verdict import Kind, SlotFacts, Verdict
from tabib.model.backup import Dataset, DrillResult, Identity, Part, Place, Snapshot
from tabib.model.incident import Case, Cause, DataState, Incident, Treatment

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
COPY = Copy(snapshot="s1", taken_at=NOW - timedelta(hours=2), verified=True)
CORRUPT = Damage(
    sort=Sort.CORRUPT,
    datasets=("data",),
    kind="postgres",
    text="its data is damaged",
    signature="invalid page",
    asked=True,
    examined=False,
    examination="1 page fails its checksum",
    seen_at=NOW,
    copy=COPY,
)
LOST = Damage(
    sort=Sort.LOST,
    datasets=("data",),
    kind="postgres",
    text="volume data is gone",
    record="volume data is gone",
    engine="the engine has no such volume",
    seen_at=NOW,
    well_at=NOW - timedelta(hours=1),
    copy=COPY,
)
EMPTIED = replace(LOST, sort=Sort.EMPTIED, engine="")
REPLACED = replace(LOST, sort=Sort.REPLACED, since=NOW - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("damage", "do", "word"),
    [
        (CORRUPT, Do.RESTORE, "checker"),
        (replace(CORRUPT, asked=False, examined=None), Do.EXAMINE, "checker"),
        (replace(CORRUPT, examined=True), Do.START, "sound"),
        (replace(CORRUPT, examined=None, examination="it has none"), Do.OFFER, "it has none"),
        (replace(CORRUPT, signature=""), Do.REPORT, "nothing says"),
        (replace(CORRUPT, merely_down="storage.full"), Do.REPORT, "storage.full"),
        (LOST, Do.RESTORE, "s1"),
        (replace(LOST, record=""), Do.OFFER, "no record"),
        (EMPTIED, Do.RESTORE, "s1"),
        # Plain files may be removed by whoever made them; a service that fails without them tells.
        (replace(EMPTIED, kind="files"), Do.OFFER, "itself"),
        (replace(EMPTIED, kind="files", fails=True), Do.RESTORE, "s1"),
        (replace(EMPTIED, kind="files", engine="another folder"), Do.RESTORE, "s1"),
        (replace(EMPTIED, kind="sqlite"), Do.OFFER, "itself"),
        (replace(EMPTIED, kind="redis"), Do.OFFER, "memory"),
        (replace(EMPTIED, kind="redis", fails=True), Do.RESTORE, "s1"),
        (REPLACED, Do.RESTORE, "s1"),
        # A SQLite file has no identity of its own: begun anew on purpose looks the same.
        (replace(REPLACED, kind="sqlite"), Do.OFFER, "anew itself"),
        (replace(REPLACED, kind="sqlite", fails=True), Do.RESTORE, "s1"),
        (replace(REPLACED, since=NOW - timedelta(minutes=30)), Do.OFFER, "30 min"),
        (replace(REPLACED, since=NOW - timedelta(days=3)), Do.OFFER, "somebody wanted"),
        (replace(REPLACED, since=None), Do.OFFER, "not known"),
        (replace(LOST, sort=Sort.SHRUNK), Do.OFFER, "own data"),
        (replace(LOST, sort=Sort.SHRUNK, copy=None), Do.REPORT, "own data"),
        (replace(LOST, sort=Sort.FAILING_DISK), Do.REPORT, "disk"),
    ],
)
def test_sorts_and_witnesses(damage: Damage, do: Do, word: str) -> None:
    found = weigh(damage, NOW)
    assert found.do is do, found
    assert word in found.reason, found


AGAINST = {
    "copy": {"copy": None},
    "hold": {"hold": True},
    "auto": {"auto_restore": False},
    "deliberate": {"deliberate": "it was stopped by a person before"},
    "again": {"last_restore": NOW - timedelta(hours=3)},
}


@pytest.mark.parametrize(
    ("damage", "against"), [*product([CORRUPT, LOST, EMPTIED, REPLACED], AGAINST)]
)
def test_each_reason_alone_forbids_it_unasked_and_none_but_the_copy_at_a_persons_word(
    damage: Damage, against: str
) -> None:
    refused = replace(damage, **AGAINST[against])  # type: ignore[arg-type]
    assert weigh(refused, NOW).do in (Do.OFFER, Do.REPORT)
    asked = weigh(replace(refused, by_person=True), NOW)
    assert asked.do is (Do.REPORT if against == "copy" else Do.RESTORE)


def test_a_day_later_it_may_be_restored_again() -> None:
    assert weigh(replace(LOST, last_restore=NOW - WINDOW), NOW).do is Do.RESTORE


_damage = st.builds(
    Damage,
    sort=st.sampled_from(Sort),
    datasets=st.just(("data",)),
    kind=st.sampled_from(["postgres", "mysql", "redis", "sqlite", "files", "mongodb"]),
    text=st.just("damage"),
    record=st.sampled_from(["", "it held 1 MB"]),
    engine=st.sampled_from(["", "another folder"]),
    signature=st.sampled_from(["", "invalid page"]),
    examined=st.sampled_from([True, False, None]),
    asked=st.booleans(),
    fails=st.booleans(),
    merely_down=st.sampled_from(["", "storage.full"]),
    deliberate=st.sampled_from(["", "stopped"]),
    since=st.none() | st.integers(0, 10_000).map(lambda s: NOW - timedelta(seconds=s)),
    well_at=st.none() | st.integers(0, 10_000).map(lambda s: NOW - timedelta(seconds=s)),
    seen_at=st.just(NOW),
    copy=st.sampled_from([None, COPY]),
    auto_restore=st.booleans(),
    hold=st.booleans(),
    last_restore=st.none() | st.integers(0, 200_000).map(lambda s: NOW - timedelta(seconds=s)),
)


@given(damage=_damage)
def test_no_restore_without_two_witnesses_and_a_copy(damage: Damage) -> None:
    found = weigh(damage, NOW)
    assert found.reason
    if found.do is not Do.RESTORE:
        return
    assert damage.copy is not None
    assert damage.auto_restore
    assert not damage.hold
    assert not damage.deliberate
    assert damage.last_restore is None or NOW - damage.last_restore >= WINDOW
    assert damage.sort not in (Sort.SHRUNK, Sort.FAILING_DISK)
    if damage.sort is Sort.CORRUPT:
        assert damage.signature
        assert damage.examined is False
        assert not damage.merely_down
        return
    own_files = damage.kind in ("postgres", "mysql", "mongodb")
    second = damage.engine or damage.fails or own_files
    assert damage.record
    assert second
    if damage.sort is Sort.REPLACED:
        assert damage.since is not None
        assert NOW - damage.since <= FRESH


@given(damage=_damage, mode=st.sampled_from(["act", "advise", "observe"]), no=st.booleans())
def test_treatment_restores_only_where_care_acts_and_the_service_may_run(
    damage: Damage, mode: str, no: bool
) -> None:
    facts = slot(mode=mode, restart="no" if no else None)
    decision = decided(damage, facts)
    if decision.action is Action.RESTORE:
        assert mode == "act"
        assert not no
        assert weigh(damage, NOW).do is Do.RESTORE
        assert decision.snapshot == "s1"
        assert decision.verify
    if decision.action is Action.OFFER and decision.proposed is Action.RESTORE:
        assert decision.datasets == ("data",)
        assert decision.needs_human


def decided(
    damage: Damage | None, facts: SlotFacts, history: tuple[Treatment, ...] = ()
) -> Decision:
    case = Case(
        id="case",
        sealed_at=NOW,
        trigger="died",
        engine_id="e",
        cluster="default",
        project="shop",
        service="db",
        slot=1,
        container="shop-db-1",
        container_id="c1",
        exit_code=1,
    )
    causes = (Cause(code="database.corrupt", summary="damaged", confidence=0.9),)
    verdict = Verdict(kind=Kind.FAILED, reason="")
    patient = Patient(verdict=verdict, slot=facts, history=history, damage=damage)
    return treat(case, causes, patient, NOW)


def test_what_is_sound_is_started_and_what_no_copy_heals_needs_a_person() -> None:
    assert decided(replace(CORRUPT, examined=True), slot()).action is Action.START
    none = decided(replace(CORRUPT, copy=None), slot())
    assert (none.action, none.needs_human) == (Action.NONE, True)
    assert decided(None, slot()).action is Action.NONE


def test_with_advise_and_when_halted_it_waits_for_one_command() -> None:
    for facts in (slot(mode="advise"), slot(halted="stopped"), slot(restart="no")):
        found = decided(LOST, facts)
        assert (found.action, found.proposed) == (Action.OFFER, Action.RESTORE)
        assert (found.datasets, found.snapshot) == (("data",), "s1")


def test_the_budget_bounds_restores_too() -> None:
    spent = tuple(
        Treatment(action="start", reason="", started_at=NOW - timedelta(minutes=n))
        for n in range(5)
    )
    found = decided(LOST, slot(), spent)
    assert (found.action, found.proposed) == (Action.OFFER, Action.RESTORE)
    assert "budget" in found.reason


# ── the copy ───────────────────────────────────────────────────────────────────────────────────

DATASET = Dataset(
    name="data", place=Place(type="volume", source="shop_data"), kind="postgres", service="db"
)
KNOWN = Identity(
    dataset="data", place=DATASET.place, seen_at=NOW, database="71", size_bytes=1_000_000
)


def snapshot(id: str, age_h: float, **fields: object) -> Snapshot:
    part_fields = {
        key: fields.pop(key) for key in ("identity", "form", "size_bytes") if key in fields
    }
    taken = NOW - timedelta(hours=age_h)
    part = Part(
        dataset=DATASET,
        stored="r",
        path="/data",
        consistency="database",
        taken_at=taken,
        ended_at=taken,
        **({"form": "tar", "identity": "71", "size_bytes": 900_000} | part_fields),  # type: ignore[arg-type]
    )
    given_: dict[str, object] = {"trigger": "schedule", "parts": (part,)} | fields
    return Snapshot(
        id=id, project="shop", engine_id="e", cluster="default", taken_at=taken, ended_at=taken,
        **given_,  # type: ignore[arg-type]
    )  # fmt: skip


FAILED = DrillResult(at=NOW, outcome="failed")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (snapshot("bad", 1, trigger="damage"), "it keeps the damage"),
        (snapshot("bad", 1, drill=FAILED), "a drill found it bad"),
        (snapshot("bad", 1, identity="99"), "of another database"),
        (snapshot("bad", 1, form="files", identity="", size_bytes=10), "the emptied volume"),
        (snapshot("bad", 1, parts=()), "it has no such part"),
        (snapshot("bad", -1), "taken after the damage was seen"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_bad_copy_is_passed_over_for_an_older_good_one(bad: Snapshot, why: str) -> None:
    good = snapshot("good", 5)
    assert newest_good([bad, good], ["data"], {"data": KNOWN}, NOW) is good, why
    assert newest_good([bad], ["data"], {"data": KNOWN}, NOW) is None, why


def test_the_newest_of_the_good_ones() -> None:
    found = newest_good([snapshot("a", 9), snapshot("b", 3), snapshot("c", 4)], ["data"], {}, NOW)
    assert found is not None
    assert found.id == "b"


def incident(outcome: str, by: str = "", datasets: str = "data") -> Incident:
    done = Treatment(
        action="restore", reason="", started_at=NOW, outcome=outcome, by=by,
        before={"datasets": datasets},
    )  # fmt: skip
    return Incident(
        id="i", opened_at=NOW, engine_id="e", cluster="d", project="shop", service="db",
        container="c", severity="error", cause=Cause(code="x", summary="", confidence=1),
        treatments=(done,),
    )  # fmt: skip


def test_which_restores_count_for_the_window() -> None:
    assert restored_at([incident("verified")], ["data"]) == NOW
    assert restored_at([incident("failed")], ["data"]) == NOW
    assert restored_at([incident("started")], ["data"]) is None, "cut off by a death of tabib's"
    assert restored_at([incident("verified", by="user")], ["data"]) is None
    assert restored_at([incident("verified", datasets="other")], ["data"]) is None
    assert restored_at([incident("verified")], ["data"], NOW) is None, "of data that was ended"
    assert restored_at([incident("verified")], ["data"], NOW - timedelta(seconds=1)) == NOW


def test_damage_beside_a_full_disk_is_no_damage() -> None:
    case = Case(
        id="case", sealed_at=NOW, trigger="died", engine_id="e", cluster="d", project="shop",
        service="db", slot=1, container="c", container_id="c1", exit_code=1,
        log_tail=("PANIC:  could not locate a valid checkpoint record",
                  "FATAL:  could not write lock file: No space left on device"),
    )  # fmt: skip
    causes = diagnose(case)[1]
    assert merely_down(case, causes) == "storage.full"
    assert merely_down(replace(case, oom_event=True), ()) == "memory.container-oom"


@pytest.mark.parametrize("trigger", ["died", "unhealthy"])
def test_a_disk_without_room_is_seen_whatever_the_database_calls_it(trigger: str) -> None:
    """Redis: a log that was cut off reads as damage, and its health check says nothing at all."""
    full = DataState(dataset="data", kind="redis", verdict="full", text="the disk has 0 kB left")
    case = Case(
        id="case", sealed_at=NOW, trigger=trigger, engine_id="e", cluster="d", project="shop",
        service="db", slot=1, container="c", container_id="c1", data=(full,),
    )  # fmt: skip
    causes = diagnose(case)[1]
    assert causes[0].code == "storage.full"
    assert merely_down(replace(case, log_tail=("# Bad file format",)), ()) == "storage.full"
    assert merely_down(replace(case, data=()), ()) == ""


def test_of_a_case_about_data_what_is_about_data_comes_first() -> None:
    def cause(code: str) -> Cause:
        return Cause(code=code, summary=code, confidence=0.9)

    zombies, corrupt = cause("process.zombies"), cause("database.corrupt")
    assert about_data_first((zombies, corrupt)) == (corrupt, zombies)
    assert about_data_first((zombies,)) == ()
    assert about_data_first(()) == ()
    # A full disk cuts writes short: that is no damage.
    assert about_data_first((cause("storage.full"), corrupt)) == ()
