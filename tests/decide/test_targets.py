"""What a TARGET means: living before gone, ambiguity listed, ids by prefix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.targets import Candidate, Found, resolve
from tabib.model.errors import NotFound, UsageError

T0 = datetime(2030, 1, 1, tzinfo=UTC)
A, B, C, D, E = (letter * 64 for letter in "abcde")


def one(id: str, name: str, project: str, service: str, living: bool = True) -> Candidate:
    return Candidate(id=id, name=name, project=project, service=service, living=living)


WORLD = (
    one(A, "shop-api-1", "shop", "api"),
    one(B, "shop-api-1", "shop", "api", living=False),
    one(C, "shop-db-1", "shop", "db"),
    one(D, "blog-api-1", "blog", "api", living=False),
    one("beef" + "0" * 60, "alone", "", ""),
    one("beef" + "1" * 60, "old", "old", "beef", living=False),
)


def found(text: str, here: str = "", hosts: tuple[str, ...] = ("vm",)) -> tuple[str, str, str]:
    it = resolve(text, here, WORLD, hosts)
    return it.kind, it.name, "".join(each.id[0] for each in it.containers)


@pytest.mark.parametrize(
    ("text", "here", "meant"),
    [
        ("", "shop", ("project", "shop", "abc")),
        ("shop", "", ("project", "shop", "abc")),
        ("shop/", "", ("project", "shop", "abc")),
        ("api", "shop", ("service", "shop/api", "ab")),
        ("api", "blog", ("service", "shop/api", "ab")),  # what lives wins
        ("api", "", ("service", "shop/api", "ab")),
        ("blog/api", "", ("service", "blog/api", "d")),
        ("shop-api-1", "", ("container", "shop-api-1", "ab")),
        ("blog", "", ("project", "blog", "d")),
        (A, "", ("container", "shop-api-1", "a")),
        ("bbbb", "", ("container", "shop-api-1", "b")),
        ("beef", "old", ("service", "old/beef", "b")),  # a name before an id
        ("beef0", "", ("container", "alone", "b")),
        ("node", "shop", ("node", "vm", "")),
        ("vm", "", ("node", "vm", "")),
    ],
)
def test_targets(text: str, here: str, meant: tuple[str, str, str]) -> None:
    assert found(text, here) == meant


def test_without_a_target_and_a_project_everything_is_meant() -> None:
    assert resolve("", "", WORLD).kind == "all"
    assert len(resolve("", "", WORLD).containers) == len(WORLD)


def test_a_project_that_never_was_is_an_empty_one() -> None:
    assert found("", "new") == ("project", "new", "")


def test_several_things_are_listed() -> None:
    world = (one(A, "x", "web", "a"), one(B, "y", "shop", "web"))
    with pytest.raises(UsageError) as caught:
        resolve("web", "shop", world)
    assert "web/ (project)" in caught.value.happened
    assert "shop/web (service)" in caught.value.happened
    assert resolve("web/", "shop", world).kind == "project"


def test_several_ids_are_listed_with_their_names() -> None:
    world = (one("cafe1" + "0" * 59, "x", "p", "a"), one("cafe2" + "0" * 59, "y", "p", "b"))
    with pytest.raises(UsageError) as caught:
        resolve("cafe", "", world)
    assert "cafe10000000 (x)" in caught.value.happened
    assert resolve("cafe1", "", world).name == "x"


def test_a_project_of_one_service_of_its_name_is_one_thing() -> None:
    world = (one(A, "db", "db", "db"),)
    assert resolve("db", "db", world) == Found(kind="project", name="db", containers=world)


@pytest.mark.parametrize(
    ("text", "near"), [("shpo", "shop"), ("shop-api-2", "shop-api-1"), ("nod", "node"), ("zzz", "")]
)
def test_the_nearest_name_is_told(text: str, near: str) -> None:
    with pytest.raises(NotFound) as caught:
        resolve(text, "", WORLD, ("vm",))
    assert (near or "tabib ps -a") in caught.value.advice


@pytest.mark.parametrize("text", ["abc", "/", "shop/none", "-", "aaa", "A" * 64])
def test_what_is_nothing(text: str) -> None:
    with pytest.raises(NotFound):
        resolve(text, "shop", WORLD)


def test_when_a_container_may_have_been_there() -> None:
    gone = Candidate(id=A, name="x", living=False, first_seen=T0, last_seen=T0 + timedelta(hours=1))
    alive = Candidate(id=A, name="x", first_seen=T0, last_seen=T0)
    later = T0 + timedelta(hours=2)
    assert gone.seen_within(T0 + timedelta(minutes=30), later)
    assert not gone.seen_within(later, None)
    assert not gone.seen_within(None, T0 - timedelta(seconds=1))
    assert alive.seen_within(later, later)


_NAMES = st.sampled_from(["shop", "web", "db", "shop-web-1", "node", "abcd", ""])
_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        id=st.text("abcdef01", min_size=64, max_size=64),
        name=_NAMES,
        project=_NAMES,
        service=_NAMES,
        living=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda each: each.id,
)


@given(_NAMES | st.text("abcd/", max_size=8), _NAMES, _CANDIDATES)
def test_it_is_one_thing_or_an_error_that_says_what_to_do(
    text: str, here: str, candidates: list[Candidate]
) -> None:
    try:
        meant: Found | None = resolve(text, here, candidates, ("vm",))
        advice = ""
    except (UsageError, NotFound) as error:
        meant, advice = None, error.advice
    assert bool(advice) == (meant is None)
    if meant is not None:
        assert set(meant.containers) <= set(candidates)
        assert meant.containers or not text or meant.kind == "node"
