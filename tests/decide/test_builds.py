"""Which images are built, why, in which order and by which builder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.projects import project, service
from tabib.decide.build_reach import Building
from tabib.decide.builds import plan_builds
from tabib.decide.images import identities, plan_pulls, to_build
from tabib.decide.transfers import plan_pull, plan_push
from tabib.model.build import BUILDX, ENGINE, BuildChoice, BuildSource
from tabib.model.container import ImageState
from tabib.model.errors import BuildFailed, ImageUnavailable
from tabib.model.plan import Plan
from tabib.model.project import Service

THERE = ImageState(id="sha256:1")
BOTH = frozenset({ENGINE, BUILDX})


def built(name: str, **build: Any) -> Service:
    return service(name, image=f"{name}:1", build={"context": "/x", **build})


def plan(*services: Service, builders: frozenset[str] = BOTH, **fields: Any) -> Plan:
    texts = fields.pop("texts", {})
    sources = {
        s.name: BuildSource(
            context="/x", text=texts.get(s.name, ""), ssh=tuple(s.spec["build"].get("ssh", ()))
        )
        for s in services
    }
    building = Building(
        project=project(*services), sources=sources, builders=builders, platform="linux/amd64",
        **fields,
    )  # fmt: skip
    return plan_builds(building, {one.name: "why" for one in services})


@pytest.mark.parametrize(
    ("policy", "present", "choice", "expected"),
    [
        (None, False, "", {"a": "it is not there yet"}),
        (None, True, "", {}),
        (None, True, "always", {"a": "building was asked for"}),
        ("build", True, "", {"a": "its pull_policy is build"}),
        ("build", True, "never", {}),
        ("never", False, "", {"a": "it is not there yet"}),
        (None, True, "never", {}),
    ],
)
def test_when_an_image_is_built(
    policy: str | None, present: bool, choice: str, expected: dict[str, str]
) -> None:
    said: dict[str, Any] = {"pull_policy": policy} if policy else {}
    one = service("a", image="a:1", build={"context": "/x"}, **said)
    assert to_build([one], {"a:1": THERE} if present else {}, choice) == expected


def test_no_build_where_the_image_is_missing_is_refused() -> None:
    with pytest.raises(ImageUnavailable, match="--no-build"):
        to_build([built("a")], {}, "never")


def test_what_can_be_built_is_pulled_only_where_that_is_asked_for() -> None:
    one = built("a")
    assert not plan_pulls(project(one), [one], {}).steps
    [step] = plan_pulls(project(one), [one], {}, "always").steps
    assert step.optional, "it can be built instead"


def test_bases_are_built_first() -> None:
    services = (built("a"), built("b"), built("c", additional_contexts={"x": "service:b"}))
    found = plan(*services, texts={"a": "FROM c:1\n", "b": "FROM busybox\n"})
    assert [step.target for step in found.steps] == ["b:1", "c:1", "a:1"]
    assert [step.after for step in found.steps] == [(), ("build:b:1",), ("build:c:1",)]
    spec = found.steps[1].build
    assert spec is not None
    assert spec.contexts == {"x": "docker-image://b:1"}


def test_images_that_build_on_one_another_are_refused() -> None:
    with pytest.raises(BuildFailed, match="build on one another"):
        plan(built("a"), built("b"), texts={"a": "FROM b:1", "b": "FROM a:1"})


def test_what_the_engine_is_told() -> None:
    one = built(
        "a", target="t", args={"A": "1", "B": None}, labels={"l": "x"}, tags=["a:2", "a:1"],
        cache_from=["c"], network="host", extra_hosts=["h=1.2.3.4", "i=::1"], shm_size="64",
        ulimits={"nofile": {"soft": 1, "hard": 2}, "nproc": 5}, no_cache=True, isolation="x",
    )  # fmt: skip
    [step] = plan(one, choice=BuildChoice(args={"C": "3"}, pull=True)).steps
    spec = step.build
    assert spec is not None
    assert (spec.builder, spec.tags, spec.target) == (ENGINE, ("a:1", "a:2"), "t")
    assert spec.args == {"A": "1", "C": "3"}
    assert spec.labels == {"l": "x", "com.docker.compose.image.builder": "classic"}
    assert spec.extra_hosts == ("h:1.2.3.4", "i:::1")
    assert (spec.shm_size_bytes, spec.network, spec.isolation) == (64, "host", "x")
    assert spec.ulimits == {"nofile": (1, 2), "nproc": (5, 5)}
    assert spec.no_cache
    assert spec.pull


NEEDS = [
    {"secrets": [{"source": "s"}]},
    {"ssh": ["default"]},
    {"additional_contexts": {"a": "/b"}},
    {"cache_to": ["type=local,dest=/x"]},
    {"cache_from": ["type=local,src=/x"]},
    {"entitlements": ["network.host"]},
    {"privileged": True},
    {"provenance": "true"},
    {"sbom": "true"},
]


@pytest.mark.parametrize("said", NEEDS, ids=lambda said: next(iter(said)))
def test_what_needs_buildkit_is_built_with_it_or_refused(said: dict[str, Any]) -> None:
    [step] = plan(built("a", **said), keeps_all=True).steps
    assert step.build is not None
    assert (step.build.builder, step.build.instance) == (BUILDX, "default")
    assert f"`{next(iter(said))}`" in step.reason
    assert step.build.labels["com.docker.compose.service"] == "a"
    with pytest.raises(BuildFailed, match=next(iter(said))) as caught:
        plan(built("a", **said), builders=frozenset({ENGINE}), keeps_all=True)
    assert "buildx" in caught.value.advice


def test_an_image_that_is_to_run_is_built_for_one_platform() -> None:
    both = built("a", platforms=["linux/arm64", "linux/amd64"])
    [here] = plan(both).steps
    assert here.build is not None
    assert (here.build.platforms, here.build.builder) == (("linux/amd64",), ENGINE)
    [all_of_them] = plan(both, single=False, keeps_all=True).steps
    assert all_of_them.build is not None
    assert all_of_them.build.builder == BUILDX
    assert all_of_them.build.platforms == ("linux/arm64", "linux/amd64")


BEYOND = [
    ({"platforms": ["linux/arm64", "linux/amd64"]}, "linux/arm64, linux/amd64"),
    ({"provenance": "mode=max"}, "provenance"),
]


@pytest.mark.parametrize(("said", "words"), BEYOND, ids=["platforms", "attestations"])
def test_what_the_engine_cannot_keep_is_pushed_or_refused(said: dict[str, Any], words: str) -> None:
    one = built("a", **said)
    with pytest.raises(BuildFailed, match=words) as caught:
        plan(one, single=False)
    assert "--push" in caught.value.advice
    push = BuildChoice(push=True)
    unnamed = replace(one, spec={k: v for k, v in one.spec.items() if k != "image"})
    with pytest.raises(BuildFailed, match="no `image:`"):
        plan(unnamed, single=False, choice=push)
    [note] = plan(unnamed, single=False, choice=push, keeps_all=True).notes
    assert "a is not pushed" in note
    [step] = plan(one, single=False, choice=push).steps
    assert step.build is not None
    assert (step.build.push, step.build.instance) == (True, ""), "the builder that the user chose"
    [step] = plan(one, single=False, choice=push, keeps_all=True).steps
    assert step.build is not None
    assert (step.build.push, step.build.instance) == (False, "default"), "kept, then pushed"


def test_an_image_that_is_to_run_goes_without_attestations_that_cannot_be_kept() -> None:
    found = plan(built("a", provenance="true"))
    assert found.steps[0].build is not None
    assert (found.steps[0].build.builder, found.steps[0].build.attestations) == (ENGINE, {})
    assert "without provenance" in found.notes[0]
    unwanted = plan(built("a", sbom="false"))
    assert unwanted.steps[0].build is not None
    assert (unwanted.steps[0].build.builder, unwanted.notes) == (ENGINE, ())


def test_a_builder_by_name_and_a_limit_of_memory() -> None:
    limit = BuildChoice(memory_bytes=1 << 30)
    found = plan(built("a"), choice=limit)
    assert found.steps[0].build is not None
    assert (found.steps[0].build.memory_bytes, found.notes) == (1 << 30, ())
    [note] = plan(built("a", ssh=["default"]), choice=limit).notes
    assert "--memory does not hold" in note
    [step] = plan(built("a"), choice=BuildChoice(builder="mine")).steps
    assert step.build is not None
    assert (step.build.builder, step.build.instance) == (BUILDX, "mine")
    assert "`--builder`" in step.reason


def test_who_names_an_image_that_is_built_here() -> None:
    store = ImageState(id="sha256:1", digests=("a@sha256:1",))
    pushed = ImageState(id="sha256:1", digests=("a@sha256:2",))
    for image, one, kind in (
        (store, built("a"), "id"),
        (pushed, built("a"), "digest"),
        (store, service("a", image="a:1"), "digest"),
    ):
        assert identities([one], {"a:1": image})["a"].kind == kind


def test_what_is_wrong_with_a_source_is_told() -> None:
    building = Building(
        project=project(built("a")), sources={"a": BuildSource(problem="no such folder")}
    )
    with pytest.raises(BuildFailed, match="no such folder"):
        plan_builds(building, {"a": "why"})
    with pytest.raises(BuildFailed, match="where the command runs"):
        plan_builds(Building(project=project(built("a")), sources={}), {"a": "why"})


def test_what_is_pulled_by_hand() -> None:
    services = [
        service("a", image="a:1"),
        service("b", image="b:1", pull_policy="never"),
        service("c", image="c:1", pull_policy="missing"),
        built("d"),
    ]
    images = {one.image: THERE for one in services}
    found = plan_pull(project(*services), services, images)
    assert [(s.target, s.optional) for s in found.plan.steps] == [("a:1", False), ("d:1", True)]
    assert set(found.skipped) == {"b", "c"}
    missing = plan_pull(project(*services), services, {}, policy="missing", ignore_buildable=True)
    assert [step.target for step in missing.plan.steps] == ["a:1", "b:1", "c:1"]


def test_what_is_pushed() -> None:
    services = [service("a", image="a:1"), built("b", tags=["b:2"])]
    found = plan_push(project(*services), services)
    assert [step.target for step in found.plan.steps] == ["b:1", "b:2"]
    assert set(found.skipped) == {"a"}
