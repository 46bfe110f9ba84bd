"""Lifecycle hooks: commands that a step runs inside its container, at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.engines.memory import shell
from tabib.engines.memory.records import ContainerRecord
from tabib.engines.memory.world import World
from tabib.model.errors import StartFailed
from tabib.model.plan import Step


def after_start(world: World, step: Step) -> None:
    """The step's ``post_start`` hooks.

    :raises StartFailed: one ended with another status than 0.
    """
    record = world.find(step.target)
    for number, hook in enumerate(step.options.get("post_start") or (), start=1):
        code = _run(record, hook) if record is not None else 0
        if code:
            raise StartFailed(
                f"its post_start hook {number} exited with status {code}",
                attempted="start container",
                target=step.subject,
                advice="The container runs; correct the hook and bring it up again.",
            )


def before_stop(world: World, step: Step) -> tuple[str, ...]:
    """The step's ``pre_stop`` hooks, where the container runs; what failed, as warnings."""
    record = world.find(step.target)
    if record is None or not record.alive:
        return ()
    return tuple(
        f"its pre_stop hook {number} exited with status {code}; it is stopped all the same"
        for number, hook in enumerate(step.options.get("pre_stop") or (), start=1)
        if (code := _run(record, hook))
    )


def _run(record: ContainerRecord, hook: Mapping[str, Any]) -> int:
    words = [str(word) for word in hook.get("command") or ()]
    return shell.run(record, words, str(hook.get("user") or "")).exit_code
