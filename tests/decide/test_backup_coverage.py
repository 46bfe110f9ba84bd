"""What ``ps`` and the checkup say of copies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tabib.decide.backups.coverage import place, state_of
from tabib.decide.checkup import examine
from tabib.model.backup import Copies
from tabib.model.checkup import Examined, Observation
from tabib.model.container import LABEL_PROJECT, ContainerState, MountState

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)
DATA = MountState(type="volume", name="shop_data", target="/var/lib/postgresql/data")
WELL = Copies(
    enabled=True,
    since=NOW - 30 * DAY,
    newest=NOW - timedelta(hours=9),
    verified=NOW - 2 * DAY,
    first=NOW - 30 * DAY,
    places=frozenset({"shop_data"}),
    stale_after=timedelta(hours=49),
    drill_after=timedelta(days=14),
    services=("db",),
)


def container(*mounts: MountState, image: str = "postgres:16") -> ContainerState:
    return ContainerState(
        id="1", name="shop-db-1", status="running", image=image, image_id="i", created_at=NOW,
        mounts=mounts, labels={LABEL_PROJECT: "shop"},
    )  # fmt: skip


def copies(**fields: Any) -> Copies:
    from dataclasses import replace

    return replace(WELL, **fields)


def test_states() -> None:
    db = container(DATA)
    fresh = copies(newest=None, places=frozenset(), since=NOW - timedelta(minutes=2))
    assert state_of(db, WELL, NOW) == "covered"
    assert state_of(db, fresh, NOW) == "pending"
    assert state_of(db, copies(newest=None, places=frozenset()), NOW) == "none"
    assert state_of(db, copies(places=frozenset({"x"})), NOW) == "none"
    assert state_of(db, copies(places=frozenset(), waived=frozenset({"shop_data"})), NOW) == ""
    assert state_of(container(), WELL, NOW) == ""
    cache = MountState(type="volume", name="a" * 64, target="/data")
    assert state_of(container(cache, image="redis:7"), WELL, NOW) == ""
    code = MountState(type="bind", source="/srv/shop", target="/app")
    assert state_of(container(code, image="web"), WELL, NOW) == ""
    taken = copies(places=frozenset({"/srv/shop"}))
    assert state_of(container(code, image="web"), taken, NOW) == "covered"
    assert place(code) == "/srv/shop"


def found(copies_: Copies | None) -> dict[str, str]:
    db = Examined(
        id="1", name="shop-db-1", project="shop", service="db", image="postgres:16",
        status="running", mounts=(DATA,), has_health_check=True, in_care=True,
    )  # fmt: skip
    known = {} if copies_ is None else {"shop": copies_}
    findings = examine(Observation(at=NOW, containers=(db,), copies=known))
    return {one.code: one.severity for one in findings if one.code.startswith("backup.")}


def test_the_checkup() -> None:
    assert found(None) == {"backup.none": "warning"}
    assert found(WELL) == {}
    assert found(copies(places=frozenset())) == {"backup.none": "warning"}
    fresh = {"newest": None, "first": None, "verified": None, "places": frozenset()}
    assert found(copies(**fresh, since=NOW - timedelta(minutes=9))) == {}
    assert found(copies(**fresh)) == {"backup.none": "warning"}
    assert found(copies(newest=NOW - 3 * DAY)) == {"backup.stale": "error"}
    assert found(copies(verified=None)) == {"backup.unverified": "warning"}
    assert found(copies(verified=None, first=NOW - 3 * DAY)) == {}
    assert found(copies(verified=None, drill_after=None)) == {}
    assert found(copies(drill_failed="rows: 3 of 4")) == {"backup.unverified": "error"}
    assert found(copies(failures=1, failed="no way")) == {"backup.failed": "warning"}
    assert found(copies(failures=3, failed="no way")) == {"backup.failed": "error"}
    assert found(copies(no_log="on another machine")) == {"backup.log": "warning"}
