"""Against Docker Compose itself: what it prints, what it hashes, what it refuses."""

from __future__ import annotations

import pytest

from compose.harness import Case, cases
from support import compose_oracle
from tabib.compose import render
from tabib.compose.problems import Problems
from tabib.compose.read import documents
from tabib.model.errors import ConfigError

pytestmark = pytest.mark.oracle


def _ask(case: Case, *tail: str) -> compose_oracle.Answer:
    return compose_oracle.ask(
        [*case.args, "config", *tail], cwd=case.cwd, env=case.env, stdin=case.stdin
    )


def _parsed(text: str) -> list[object]:
    """Read as Compose reads: PyYAML's own rules would take 1e-07 for a text."""
    problems = Problems()
    found = list(documents(text, "printed", problems))
    assert not problems.found
    return found


@pytest.mark.parametrize("case", [c for c in cases() if not c.refused], ids=lambda c: c.name)
def test_prints_and_hashes_what_compose_does(case: Case) -> None:
    project = case.load()
    answer = _ask(case, "--format", "json")
    assert answer.code == 0, answer.err
    assert render.as_json(project) == answer.out
    assert render.hash_lines(project) == _ask(case, "--hash", "*").out.splitlines()
    assert _parsed(render.as_yaml(project)) == _parsed(_ask(case).out)


@pytest.mark.parametrize("name", ["depends-on-implied", "profiles-flag", "volumes-top", "override"])
def test_lists_what_compose_lists(name: str) -> None:
    [case] = [case for case in cases() if case.name == name]
    project = case.load()
    for flag, names in (
        ("--services", render.service_names(project)),
        ("--volumes", render.volume_names(project)),
        ("--networks", render.network_names(project)),
        ("--images", render.image_names(project)),
        ("--profiles", render.profile_names(project)),
    ):
        assert sorted(names) == sorted(_ask(case, flag).out.splitlines()), flag


@pytest.mark.parametrize("case", [c for c in cases() if c.refused], ids=lambda c: c.name)
def test_refuses_what_compose_refuses(case: Case) -> None:
    assert _ask(case, "--format", "json").code != 0
    with pytest.raises(ConfigError) as caught:
        case.load()
    problems = caught.value.details["problems"]
    assert problems
    assert all(problem["message"] for problem in problems)


def test_there_are_enough_cases() -> None:
    names = [case.name for case in cases()]
    assert len([name for name in names if not name.startswith("refused-")]) >= 300
    assert len([name for name in names if name.startswith("refused-")]) >= 300
