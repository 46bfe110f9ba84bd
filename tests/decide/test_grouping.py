"""One incident for each cause: who explains whom, in whatever order they were found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.graph import transitive
from tabib.decide.grouping import SYMPTOMS, group, recovered, regrouped, settled
from tabib.decide.report import close
from tabib.model.incident import Cause, Incident

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEEDS = transitive({"web": ["api"], "api": ["db", "cache"], "db": [], "cache": [], "lone": []})


def depends(project: str, service: str) -> frozenset[str]:
    return NEEDS.get(service, frozenset()) if project == "shop" else frozenset()


def trouble(
    service: str,
    code: str = "health.unhealthy",
    *,
    after_s: float = 0,
    slot: int = 1,
    blames: str = "",
    **fields: object,
) -> Incident:
    cause = Cause(code=code, summary=code, confidence=0.9, service=blames)
    made = Incident(
        id=f"{service}{slot}",
        opened_at=NOW + timedelta(seconds=after_s),
        engine_id="e",
        cluster="default",
        project="shop",
        service=service,
        container=f"shop-{service}-{slot}",
        severity="error",
        cause=cause,
        causes=(cause,),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


DB = trouble("db", "exit.killed", after_s=5)


@pytest.mark.parametrize(
    ("found", "parents"),
    [
        pytest.param([DB], {}, id="alone"),
        pytest.param([trouble("api"), DB], {"api1": "db1"}, id="what it depends on"),
        pytest.param([trouble("web"), DB], {"web1": "db1"}, id="through another"),
        pytest.param([trouble("web"), trouble("api")], {"web1": "api1"}, id="the deepest known"),
        pytest.param(
            [trouble("web"), trouble("api"), DB], {"web1": "db1", "api1": "db1"}, id="one level"
        ),
        pytest.param([trouble("lone"), DB], {}, id="no dependency"),
        pytest.param(
            [trouble("lone", "network.refused", blames="db"), DB], {"lone1": "db1"}, id="cited"
        ),
        pytest.param([trouble("api", "exit.command-not-found"), DB], {}, id="its own fault"),
        pytest.param(
            [trouble(name, "database.migration-failed") for name in ("api", "db")],
            {"api1": "db1"},
            id="the same, of whose work it was",
        ),
        pytest.param([trouble("db"), trouble("api", "exit.killed")], {}, id="not upwards"),
        pytest.param(
            [trouble("api"), trouble("cache", after_s=1), trouble("db", after_s=2)],
            {"api1": "cache1"},
            id="of two the one that was first",
        ),
        pytest.param(
            [trouble("api", "network.dns", blames="db"), trouble("cache"), DB],
            {"api1": "db1"},
            id="of two the one that it names",
        ),
        pytest.param(
            [trouble("api", slot=2, after_s=1), trouble("api"), trouble("api", slot=3, after_s=2)],
            {"api2": "api1", "api3": "api1"},
            id="slots with one cause",
        ),
        pytest.param(
            [trouble("api", "exit.killed", slot=2, after_s=1), trouble("api", "exit.segfault")],
            {},
            id="slots with two causes",
        ),
        pytest.param(
            [
                trouble("db", "engine.restarted", after_s=1),
                trouble("web", "engine.restarted", project="other"),
            ],
            {"db1": "web1"},
            id="an engine's restart, over projects",
        ),
        pytest.param(
            [
                trouble("web", "network.refused", blames="queue"),
                trouble("lone", "network.timeout", blames="queue", after_s=1),
            ],
            {"lone1": "web1"},
            id="who blame the same",
        ),
        pytest.param([trouble("api"), replace(DB, project="x")], {}, id="another project"),
        pytest.param([trouble("api"), replace(DB, severity="warning")], {}, id="a mild one"),
        pytest.param([trouble("api"), replace(DB, well_at=NOW)], {}, id="one that is well again"),
        pytest.param(
            [
                trouble("a", "network.refused", blames="b"),
                trouble("b", "network.refused", blames="a", after_s=1),
            ],
            {"b1": "a1"},
            id="a circle has its oldest on top",
        ),
    ],
)
def test_who_explains_whom(found: list[Incident], parents: dict[str, str]) -> None:
    assert {id: parent for id, parent in group(found, depends).items() if parent} == parents


INCIDENTS = st.lists(
    st.builds(
        trouble,
        st.sampled_from(sorted(NEEDS)),
        st.sampled_from([*sorted(SYMPTOMS)[:6], "exit.killed", "engine.restarted"]),
        after_s=st.integers(0, 5).map(float),
        slot=st.integers(1, 2),
        blames=st.sampled_from(["", *sorted(NEEDS)]),
        severity=st.sampled_from(["warning", "error"]),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)


@given(INCIDENTS, st.randoms(use_true_random=False))
def test_no_circles_one_level_and_whatever_the_order(found: list[Incident], dice: object) -> None:
    parents = group(found, depends)
    assert parents.keys() == {one.id for one in found}
    for id, parent in parents.items():
        assert parent != id
        assert not parent or parents[parent] == ""
    shuffled = list(found)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert group(shuffled, depends) == parents
    # Found one after the other, each grouped with those before it: the same in the end.
    known: dict[str, Incident] = {}
    for one in shuffled:
        known[one.id] = one
        known |= {each.id: each for each in regrouped(list(known.values()), depends, NOW)}
    assert {id: one.parent for id, one in known.items()} == parents
    assert regrouped(list(known.values()), depends, NOW) == ()


@given(INCIDENTS, st.data())
def test_a_parent_is_never_closed_before_those_that_it_explains(
    found: list[Incident], data: st.DataObject
) -> None:
    known = {one.id: one for one in found}
    known |= {one.id: one for one in regrouped(found, depends, NOW)}
    open_ = dict(known)
    at = NOW
    for id in data.draw(st.permutations(sorted(known))):
        at += timedelta(seconds=1)
        if id not in open_:
            continue
        well = recovered(open_[id], open_.values(), at)
        assert well.closed_at is None or not any(
            one.parent == id and one.outcome == "open" for one in open_.values()
        )
        _write(open_, known, well)
        for each in settled(list(open_.values()), at):
            _write(open_, known, each)
    assert not open_  # all were seen to be well
    for one in known.values():
        if one.parent:
            ended, above = one.closed_at, known[one.parent].closed_at
            assert ended is not None
            assert above is not None
            assert above >= ended


def _write(open_: dict[str, Incident], known: dict[str, Incident], one: Incident) -> None:
    known[one.id] = open_[one.id] = one
    if one.closed_at is not None:
        del open_[one.id]


def test_a_child_found_first_goes_under_the_parent_found_later() -> None:
    (child,) = regrouped([trouble("api"), DB], depends, NOW)
    assert (child.parent, child.cause.service) == ("db1", "db")
    assert child.timeline[-1].kind == "grouped"
    assert "db1" in child.timeline[-1].text


def test_a_well_parent_waits_and_is_closed_with_its_last_child() -> None:
    (child,) = regrouped([trouble("api"), DB], depends, NOW)
    well = recovered(DB, [child, DB], NOW + timedelta(seconds=9))
    assert (well.closed_at, well.well_at) == (None, NOW + timedelta(seconds=9))
    assert well.timeline[-1].text == "db is well again; not yet: api"
    assert regrouped([child, well], depends, NOW) == ()
    assert settled([child, well], NOW) == ()
    end = NOW + timedelta(seconds=12)
    (over,) = settled([well], end)
    assert (over.outcome, over.closed_at, over.rto_seconds) == ("recovered", end, 7.0)


def test_what_needs_a_person_though_its_parent_is_well_stands_for_itself() -> None:
    (child,) = regrouped([trouble("api"), DB], depends, NOW)
    stuck = close(child, "needs_human", NOW)
    assert settled([stuck, DB], NOW) == ()  # the parent calls the person
    well = replace(DB, well_at=NOW)
    left = {one.id: one for one in settled([stuck, well], NOW)}
    assert left["api1"].parent == ""
    assert left["db1"].outcome == "recovered"


def test_a_parent_that_a_person_closed_explains_nothing_any_more() -> None:
    (child,) = regrouped([trouble("api"), DB], depends, NOW)
    (alone,) = settled([child], NOW)
    assert alone.parent == ""
