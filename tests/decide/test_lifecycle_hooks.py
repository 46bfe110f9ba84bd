"""Hooks travel with the container and reach every step that starts or stops it."""

from __future__ import annotations

import pytest

from support import plans
from support.projects import edited, project, service
from tabib.decide.hooks import hook_labels, hook_options
from tabib.decide.lifecycle import lifecycle
from tabib.decide.teardown import teardown
from tabib.engines.memory import MemoryEngine
from tabib.model.container import LABEL_HOOKS
from tabib.model.plan import Verb

AFTER, BEFORE = [{"command": ["a"]}], [{"command": ["b"], "user": "root"}]
HOOKS = {"post_start": AFTER, "pre_stop": BEFORE}


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        (Verb.START_CONTAINER, {"post_start": AFTER}),
        (Verb.STOP_CONTAINER, {"pre_stop": BEFORE}),
        (Verb.RESTART_CONTAINER, HOOKS),
        (Verb.KILL_CONTAINER, {}),
    ],
)
def test_each_verb_runs_its_own(verb: Verb, expected: object) -> None:
    assert hook_options(verb, hook_labels(HOOKS)) == expected


def test_without_hooks_there_is_no_label() -> None:
    assert hook_labels({"image": "x", "post_start": []}) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"post_start": 3}'])
def test_a_label_that_says_nothing_runs_nothing(text: str) -> None:
    assert hook_options(Verb.START_CONTAINER, {LABEL_HOOKS: text}) == {}


def test_up_runs_the_hooks_of_what_it_starts() -> None:
    whole = project(service("web", **HOOKS))
    engine = MemoryEngine(plans.world())
    made = engine.world.clock.run(plans.plan(engine, plans.desired(whole)))
    started = {s.verb: s.options for s in made.steps if s.verb is Verb.START_CONTAINER}
    assert started == {Verb.START_CONTAINER: {"post_start": AFTER}}


def test_whoever_stops_it_later_needs_no_file() -> None:
    engine = MemoryEngine(plans.world())
    whole = project(service("web", **HOOKS))
    engine.world.clock.run(plans.converge(engine, plans.desired(whole)))
    seen = engine.world.clock.run(plans.observe(engine, whole))
    for made in (lifecycle("stop", whole.name, seen), teardown(whole.name, None, seen)):
        stops = [step.options for step in made.steps if step.verb is Verb.STOP_CONTAINER]
        assert [one["pre_stop"] for one in stops] == [BEFORE]
    restart = lifecycle("restart", whole.name, seen).steps[0]
    assert restart.options == HOOKS


def test_what_is_replaced_is_stopped_by_its_own_hooks() -> None:
    engine = MemoryEngine(plans.world())
    whole = project(service("web", **HOOKS))
    engine.world.clock.run(plans.converge(engine, plans.desired(whole)))
    newer = edited(whole, "web", pre_stop=[{"command": ["c"]}], post_start=[{"command": ["d"]}])
    made = engine.world.clock.run(plans.plan(engine, plans.desired(newer)))
    run = {
        hook["command"][0]
        for step in made.steps
        for key in ("pre_stop", "post_start")
        for hook in step.options.get(key, ())
    }
    assert run == {"b", "d"}
