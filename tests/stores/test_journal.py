"""The journal keeps the port's contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from stores.clocks import NOON, ManualClock
from tabib import ports
from tabib.model.errors import Bug, LeaseHeld, UsageError
from tabib.model.incident import Case, Cause, Evidence, Finding, HealthProbe, Incident, Treatment
from tabib.model.release import CareRecord, ImageIdentity, JournalEntry, LastSeen, Release
from tabib.stores.journal import SqliteJournal
from tabib.stores.retention import Pruned, Retention

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def entry(kind: str = "intent", *, at: datetime = NOON, **more: object) -> JournalEntry:
    return JournalEntry(at=at, kind=kind, **more)  # type: ignore[arg-type]


def case(case_id: str, *, at: datetime = NOON) -> Case:
    return Case(
        id=case_id,
        sealed_at=at,
        trigger="died",
        engine_id="e1",
        cluster="default",
        project="shop",
        service="web",
        slot=1,
        container="shop-web-1",
        container_id="c" * 64,
        exit_code=137,
        log_tail=("one", "zwei – drei"),
        health_log=(HealthProbe(at=at, exit_code=1, output="no\n"),),
        kill_signals=(15, 9),
        dependencies={"db": "healthy"},
        recent_deaths=(at - MINUTE,),
        inspection={"State": {"Pid": 0, "Dead": False}, "Mounts": [None, 1.5]},
    )


def incident(incident_id: str, *, at: datetime = NOON, **more: object) -> Incident:
    cause = Cause(code="exit.killed", summary="killed", confidence=0.9, cites=("exit.killed",))
    evidence = Evidence(source="event", text="die 137", at=at)
    fields: dict[str, object] = {
        "id": incident_id,
        "opened_at": at,
        "engine_id": "e1",
        "cluster": "default",
        "project": "shop",
        "service": "web",
        "container": "shop-web-1",
        "severity": "error",
        "cause": cause,
        "causes": (cause,),
        "findings": (
            Finding(code="exit.killed", severity="error", summary="x", evidence=(evidence,)),
        ),
        "treatments": (Treatment(action="start", reason="it died", started_at=at),),
    }
    return Incident(**{**fields, **more})  # type: ignore[arg-type]


def last_seen(container_id: str, *, at: datetime = NOON, project: str = "shop") -> LastSeen:
    return LastSeen(
        engine_id="e1",
        project=project,
        container_id=container_id,
        name=f"{project}-web-1",
        service="web",
        slot=1,
        seen_at=at,
        running=True,
        inspection={"Id": container_id, "Config": {"Env": ["A=vault:00"]}},
        log_tail=("ready",),
    )


def test_fits_the_port(journal: SqliteJournal) -> None:
    fitted: ports.Journal = journal
    wanted = {name for name in vars(ports.Journal) if not name.startswith("_")}
    assert {name for name in wanted if not callable(getattr(fitted, name, None))} == set()


# ── entries ────────────────────────────────────────────────────────────────────────────────────


async def test_entries_come_back_whole_and_numbered(journal: SqliteJournal) -> None:
    written = entry(
        "outcome",
        engine_id="e1",
        project="shop",
        operation="op1",
        subject="shop-web-1",
        data={"ok": True, "n": [1, 2.5, None], "text": "ä"},
    )
    assert await journal.append(written) == 1
    assert await journal.append(entry(), entry()) == 3
    first, *others = await journal.entries()
    assert first == replace(written, seq=1)
    assert [one.seq for one in others] == [2, 3]
    assert await journal.append() == 0


async def test_entries_are_filtered(journal: SqliteJournal) -> None:
    await journal.append(
        entry("intent", engine_id="e1", project="shop", operation="a"),
        entry("outcome", engine_id="e1", project="shop", operation="a", at=NOON + MINUTE),
        entry("event", engine_id="e2", project="shop", at=NOON + 2 * MINUTE),
        entry("note", engine_id="e1", project="blog", operation="b", at=NOON + 3 * MINUTE),
    )

    async def found(**wanted: object) -> list[int]:
        return [one.seq for one in await journal.entries(**wanted)]  # type: ignore[arg-type]

    assert await found(engine_id="e1") == [1, 2, 4]
    assert await found(project="shop") == [1, 2, 3]
    assert await found(engine_id="e1", project="shop") == [1, 2]
    assert await found(operation="a") == [1, 2]
    assert await found(operation="") == [3]
    assert await found(kinds=["intent", "note"]) == [1, 4]
    assert await found(since=NOON + MINUTE) == [2, 3, 4]
    assert await found(limit=2) == [3, 4]
    assert await found(project="shop", limit=1) == [3]
    assert await found(engine_id="nobody") == []


async def test_instants_are_exact_and_utc(journal: SqliteJournal) -> None:
    eastern = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=5)))
    await journal.append(entry(at=eastern))
    (found,) = await journal.entries()
    assert found.at == eastern
    assert found.at.tzinfo is UTC
    with pytest.raises(Bug, match="time zone"):
        await journal.append(entry(at=datetime(2026, 1, 1)))


# ── releases, care, last looks, settings ───────────────────────────────────────────────────────


async def test_releases(journal: SqliteJournal) -> None:
    def release(number: int, project: str = "shop", verdict: str = "pending") -> Release:
        return Release(
            number=number,
            project=project,
            engine_id="e1",
            cluster="default",
            created_at=NOON,
            by="ana@box",
            reason="up",
            config_hash="0" * 64,
            model={"name": project, "services": {"web": {"spec": {"image": "x"}}}},
            images={"web": ImageIdentity(reference="x", kind="id", value="sha256:1")},
            parent=number - 1 or None,
            verdict=verdict,
        )

    for number in (1, 2, 10):
        await journal.put_release(release(number))
    await journal.put_release(release(1, "blog"))
    await journal.put_release(release(2, verdict="good"))
    assert await journal.releases("e1", "shop") == [
        release(10),
        release(2, verdict="good"),
        release(1),
    ]
    assert [one.number for one in await journal.releases("e1", "shop", limit=1)] == [10]
    assert await journal.releases("e2", "shop") == []


async def test_care(journal: SqliteJournal) -> None:
    shop = CareRecord(
        engine_id="e1",
        project="shop",
        endpoint={"url": "unix:///x"},
        halted={"shop-web-1": "stopped"},
        scale={"web": 3},
        updated_at=NOON,
    )
    other = CareRecord(engine_id="e2", project="shop", endpoint={})
    await journal.put_care(other)
    await journal.put_care(shop)
    await journal.put_care(replace(shop, mode="observe"))
    assert await journal.care("e1", "shop") == replace(shop, mode="observe")
    assert await journal.all_care() == [replace(shop, mode="observe"), other]
    assert await journal.all_care("e2") == [other]
    await journal.remove_care("e1", "shop")
    await journal.remove_care("e1", "shop")
    assert await journal.care("e1", "shop") is None


async def test_last_seen(journal: SqliteJournal) -> None:
    one, two = last_seen("c1"), last_seen("c2", at=NOON - MINUTE, project="blog")
    await journal.put_last_seen(one, two)
    await journal.put_last_seen(replace(one, running=False))
    assert await journal.last_seen("e1") == [two, replace(one, running=False)]
    assert await journal.last_seen("e1", "blog") == [two]
    await journal.forget_last_seen("e1", "c2")
    assert await journal.last_seen("e1", "blog") == []
    await journal.put_last_seen()


async def test_settings(journal: SqliteJournal) -> None:
    assert await journal.get_setting("owner") is None
    await journal.put_setting("owner", "a")
    await journal.put_setting("owner", "b")
    assert await journal.get_setting("owner") == "b"


# ── cases and incidents ────────────────────────────────────────────────────────────────────────


async def test_a_case_is_sealed(journal: SqliteJournal) -> None:
    await journal.put_case(case("k1"))
    with pytest.raises(Bug, match="sealed"):
        await journal.put_case(replace(case("k1"), exit_code=0))
    assert await journal.case("k1") == case("k1")
    assert await journal.case("k2") is None


async def test_incidents(journal: SqliteJournal) -> None:
    first = incident("ab12", case_ids=("k1",))
    second = incident("ab34", at=NOON + MINUTE, project="blog", engine_id="e2")
    third = incident("cd", at=NOON + 2 * MINUTE)
    for one in (third, first, second):
        await journal.put_incident(one)
    healed = replace(first, outcome="recovered", closed_at=NOON + MINUTE, rto_seconds=1.5)
    await journal.put_incident(healed)
    assert await journal.incidents() == [third, second, healed]
    assert await journal.incidents(open_only=True) == [third, second]
    assert await journal.incidents(project="shop") == [third, healed]
    assert await journal.incidents(engine_id="e2") == [second]
    assert await journal.incidents(since=NOON + MINUTE) == [third, second]
    assert await journal.incidents(limit=1) == [third]


async def test_an_incident_is_found_by_prefix(journal: SqliteJournal) -> None:
    for incident_id in ("ab12", "ab12f", "cd_%"):
        await journal.put_incident(incident(incident_id))

    async def found(prefix: str) -> str | None:
        one = await journal.incident(prefix)
        return one.id if one else None

    assert await found("ab12") == "ab12"
    assert await found("ab12f") == "ab12f"
    assert await found("c") == "cd_%"
    assert await found("%") is None
    assert await found("") is None
    with pytest.raises(UsageError, match="ab12, ab12f"):
        await journal.incident("ab")


# ── retention ──────────────────────────────────────────────────────────────────────────────────


async def test_prune_keeps_what_must_stay(journal: SqliteJournal) -> None:
    old, now = NOON - 400 * DAY, NOON
    await journal.append(*(entry(at=old, subject=str(i)) for i in range(5000)))
    await journal.append(*(entry(at=now, subject="new") for _ in range(3)))
    for case_id in ("open", "closed", "nobody's"):
        await journal.put_case(case(case_id, at=old))
    await journal.put_case(case("young", at=now))
    await journal.put_incident(incident("i1", at=old, case_ids=("open",)))
    await journal.put_incident(incident("i2", at=old, closed_at=old, case_ids=("closed",)))
    await journal.put_last_seen(last_seen("c1", at=old), last_seen("c2", at=now))

    pruned = await journal.prune(now)

    assert pruned == Pruned(entries=5000, cases=2, last_seen=1)
    assert [one.subject for one in await journal.entries()] == ["new"] * 3
    assert await journal.append(entry()) == 5004
    assert [k for k in ("open", "closed", "nobody's", "young") if await journal.case(k)] == [
        "open",
        "young",
    ]
    assert len(await journal.incidents()) == 2
    assert [one.container_id for one in await journal.last_seen("e1")] == ["c2"]


async def test_prune_bounds_the_count(journal: SqliteJournal) -> None:
    await journal.append(*(entry(subject=str(number)) for number in range(100)))
    pruned = await journal.prune(NOON, Retention(entry_count=10))
    assert pruned.entries == 90
    assert [one.subject for one in await journal.entries()] == [str(n) for n in range(90, 100)]
    assert (await journal.prune(NOON, Retention(entry_count=10))).total == 0


async def test_prune_gives_space_back(journal: SqliteJournal, tmp_path: Path) -> None:
    text = "x" * 1000
    await journal.append(*(entry(at=NOON - 60 * DAY, data={"t": text}) for _ in range(5000)))
    await journal.prune(NOON)
    await journal.close()
    assert (tmp_path / "journal.sqlite3").stat().st_size < 1_000_000


# ── leases ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_lease_is_held_until_it_ends(journal: SqliteJournal, clock: ManualClock) -> None:
    first = await journal.acquire_lease("e1/shop", "up 1", MINUTE)
    assert first.expires_at == NOON + MINUTE
    with pytest.raises(LeaseHeld, match="up 1") as caught:
        await journal.acquire_lease("e1/shop", "down 2", MINUTE)
    assert caught.value.details["holder"] == "up 1"
    assert caught.value.details["scope"] == "e1/shop"
    assert caught.value.details["expires_at"] == (NOON + MINUTE).isoformat()
    elsewhere = await journal.acquire_lease("e1/blog", "down 2", MINUTE)
    clock.advance(59)
    renewed = await journal.acquire_lease("e1/shop", "up 1", MINUTE)
    assert renewed.token == first.token
    assert renewed.expires_at == NOON + timedelta(seconds=119)
    clock.advance(60)
    taken = await journal.acquire_lease("e1/shop", "down 2", MINUTE)
    assert first.token < elsewhere.token < taken.token


async def test_who_lost_a_lease_cannot_give_it_back(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    lost = await journal.acquire_lease("s", "a", MINUTE)
    clock.advance(61)
    taken = await journal.acquire_lease("s", "b", MINUTE)
    await journal.release_lease(lost)
    with pytest.raises(LeaseHeld):
        await journal.acquire_lease("s", "a", MINUTE)
    await journal.release_lease(taken)
    await journal.release_lease(taken)
    assert (await journal.acquire_lease("s", "a", MINUTE)).token > taken.token


async def test_the_same_holder_gets_a_new_token_after_its_lease_ended(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    first = await journal.acquire_lease("s", "a", MINUTE)
    clock.advance(60)
    assert (await journal.acquire_lease("s", "a", MINUTE)).token > first.token


async def test_clearing_leases_keeps_tokens_growing(journal: SqliteJournal) -> None:
    first = await journal.acquire_lease("s", "a", MINUTE)
    await journal.clear_leases()
    assert (await journal.acquire_lease("s", "b", MINUTE)).token > first.token


async def test_tokens_grow_over_a_lost_journal(tmp_path: Path, clock: ManualClock) -> None:
    tokens = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        opened = await SqliteJournal.open(folder, clock)
        tokens += [
            (await opened.acquire_lease(f"s{number}", "a", MINUTE)).token for number in range(50)
        ]
        await opened.close()
        clock.advance(1)
    assert tokens == sorted(set(tokens))
