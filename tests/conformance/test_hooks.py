"""Lifecycle hooks: what a step runs inside its container, on every engine."""

from __future__ import annotations

import pytest

from support.bench import OBEDIENT, Bench
from tabib.model.errors import StartFailed
from tabib.model.plan import Verb

TOUCH = {"command": ["touch", "/first"]}
WRITE = {"command": ["sh", "-c", "echo hello > /second"], "user": "root"}
FAIL = {"command": ["false"]}


async def _has(bench: Bench, name: str, path: str) -> bool:
    return (await bench.engine.exec(name, ["test", "-e", path])).exit_code == 0


async def test_hooks_run_after_a_start(bench: Bench) -> None:
    name = await bench.create("a", OBEDIENT)
    result = await bench.apply(
        Verb.START_CONTAINER, name, options={"post_start": [TOUCH, WRITE], "pre_stop": [FAIL]}
    )
    assert await _has(bench, name, "/first")
    assert (await bench.engine.exec(name, ["cat", "/second"])).stdout == b"hello\n"
    assert result.warnings == ()


async def test_a_failed_hook_fails_the_start_and_the_container_runs_on(bench: Bench) -> None:
    name = await bench.create("a", OBEDIENT)
    options = {"post_start": [TOUCH, FAIL, WRITE]}
    with pytest.raises(StartFailed, match="post_start hook 2 exited with status 1"):
        await bench.apply(Verb.START_CONTAINER, name, options=options)
    assert (await bench.engine.look(name)).status == "running"
    assert await _has(bench, name, "/first")
    assert not await _has(bench, name, "/second")


async def test_hooks_run_before_a_restart_and_after_it(bench: Bench) -> None:
    name = await bench.run("a", OBEDIENT)
    await bench.apply(
        Verb.RESTART_CONTAINER, name, options={"pre_stop": [TOUCH], "post_start": [WRITE]}
    )
    assert (await bench.engine.look(name)).status == "running"
    assert await _has(bench, name, "/first")
    assert await _has(bench, name, "/second")


async def test_a_stop_comes_whatever_its_hooks_say(bench: Bench) -> None:
    name = await bench.run("a", OBEDIENT)
    stop = {"pre_stop": [FAIL, TOUCH], "timeout_s": 5}
    result = await bench.apply(Verb.STOP_CONTAINER, name, options=stop)
    assert (await bench.engine.look(name)).status == "exited"
    assert [warning.partition(";")[0] for warning in result.warnings] == [
        "its pre_stop hook 1 exited with status 1"
    ]
    again = await bench.apply(Verb.STOP_CONTAINER, name, options=stop)
    assert again.warnings == (), "what does not run has nothing to run hooks in"
    await bench.apply(Verb.START_CONTAINER, name)
    assert await _has(bench, name, "/first"), "the hooks after one that failed run too"
