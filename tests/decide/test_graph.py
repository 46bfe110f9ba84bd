"""The dependency graph: order, selection, cycles, jobs."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.projects import COMPLETED, after, project, service
from tabib.decide.graph import (
    awaited_jobs,
    dependents,
    is_declared_job,
    order,
    selection,
)
from tabib.decide.verdict import is_job
from tabib.model.container import ImageState
from tabib.model.errors import ConfigError
from tabib.model.project import Dependency, Project, Service

CHAIN = project(
    service("a"), service("b", depends_on=after("a")), service("c", depends_on=after("b"))
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Service]:
    """Services in any order whose dependencies have no cycle."""
    size = draw(st.integers(1, 8))
    made = {}
    for n in range(size):
        edges = [f"s{m}" for m in range(n) if draw(st.booleans())]
        made[f"s{n}"] = service(f"s{n}", depends_on=after(*edges))
    names = draw(st.permutations(sorted(made)))
    return {name: made[name] for name in names}


@given(graphs())
def test_each_comes_once_and_after_what_it_needs(services: dict[str, Service]) -> None:
    ordered = order(services)
    assert sorted(ordered) == sorted(services)
    for name in services:
        for edge in services[name].depends_on:
            assert ordered.index(edge.service) < ordered.index(name)


@given(graphs(), st.data())
def test_a_selection_is_closed_under_dependencies(
    services: dict[str, Service], data: st.DataObject
) -> None:
    whole = project(*services.values())
    wanted = data.draw(st.lists(st.sampled_from(sorted(services)), unique=True))
    chosen = selection(whole, wanted, with_dependencies=True)
    assert set(wanted) <= set(chosen)
    assert all(edge.service in chosen for name in chosen for edge in services[name].depends_on)
    alone = selection(whole, wanted, with_dependencies=False)
    assert set(alone) == set(wanted or services)


def test_a_cycle_is_printed() -> None:
    loop = project(
        service("a", depends_on=after("c")),
        service("b", depends_on=after("a")),
        service("c", depends_on=after("b")),
        service("d", depends_on=after("c")),
    )
    with pytest.raises(ConfigError) as caught:
        order(loop.services)
    parts = caught.value.happened.removeprefix("dependency cycle: ").split(" → ")
    assert parts[0] == parts[-1]
    assert sorted(parts[1:]) == ["a", "b", "c"]


def test_a_service_that_needs_itself_is_a_cycle() -> None:
    with pytest.raises(ConfigError, match="a → a"):
        order(project(service("a", depends_on=after("a"))).services)


def test_a_chain_of_thousands_is_no_trouble() -> None:
    names = [f"s{n:05}" for n in range(5000)]
    services = {
        name: service(name, depends_on=after(*names[n + 1 : n + 2])) for n, name in enumerate(names)
    }
    began = time.perf_counter()
    assert order(services) == names[::-1]
    assert time.perf_counter() - began < 2.0


def test_an_unknown_service_names_the_known_ones_or_its_profile() -> None:
    with pytest.raises(ConfigError) as caught:
        selection(CHAIN, ["x"], with_dependencies=True)
    assert "a, b, c" in caught.value.advice
    hidden = replace(CHAIN, disabled={"debug": service("debug", profiles=["dev"])})
    with pytest.raises(ConfigError) as caught:
        selection(hidden, ["debug"], with_dependencies=True)
    assert "--profile dev" in caught.value.advice


def test_a_dependency_without_active_profile_is_left_out() -> None:
    whole = project(service("web", depends_on=[Dependency(service="debug", required=False)]))
    assert selection(whole, [], with_dependencies=True) == ["web"]


def test_dependents() -> None:
    assert dependents(CHAIN, "a") == ("b",)
    assert dependents(CHAIN, "c") == ()


JOBS = project(service("job"), service("web", depends_on=after("job", condition=COMPLETED)))


@pytest.mark.parametrize(
    ("one", "whole", "image", "job"),
    [
        (JOBS.services["job"], JOBS, None, True),
        (service("x"), JOBS, None, True),
        (service("x", ports=[80]), JOBS, None, False),
        (service("x", expose=["80"]), JOBS, None, False),
        (service("x", check=True), JOBS, None, False),
        (service("x", check=True, extension={"job": True}), JOBS, None, True),
        (service("x", extension={"job": False}), JOBS, None, False),
        (service("x", extension={"job": "no"}), JOBS, None, False),
        (service("x"), JOBS, ImageState(id="i", exposed=("80/tcp",)), False),
        (service("x"), JOBS, ImageState(id="i", has_healthcheck=True), False),
    ],
)
def test_what_counts_as_a_job(
    one: Service, whole: Project, image: ImageState | None, job: bool
) -> None:
    assert is_job(whole, one, image) is job


def test_a_declared_job_is_said_to_be_one() -> None:
    assert awaited_jobs(JOBS) == {"job"}
    assert is_declared_job(JOBS, JOBS.services["job"])
    assert not is_declared_job(JOBS, service("x"))
