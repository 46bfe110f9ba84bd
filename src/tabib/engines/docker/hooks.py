"""Lifecycle hooks of Compose, run inside a container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.run_exec import execute
from tabib.engines.docker.translate.config import environment
from tabib.engines.docker.translate.units import present
from tabib.model.errors import Conflict, NotFound, StartFailed, TabibError
from tabib.model.plan import Step

HOOK_DEADLINE_S = 600.0
_SAID_CHARS = 400


async def after_start(gateway: Gateway, step: Step) -> None:
    """Run the step's ``post_start`` hooks one after the other.

    :raises StartFailed: one ended with another status than 0; the container runs on.
    """
    for number, hook in enumerate(step.options.get("post_start") or (), start=1):
        said = await _failure(gateway, step, hook)
        if said:
            raise StartFailed(
                f"its post_start hook {number} {said}",
                attempted="start container",
                target=step.subject,
                advice="The container runs; correct the hook and bring it up again.",
            )


async def before_stop(gateway: Gateway, step: Step) -> tuple[str, ...]:
    """Run the step's ``pre_stop`` hooks; what went wrong, as warnings: the stop comes anyway."""
    warnings: list[str] = []
    for number, hook in enumerate(step.options.get("pre_stop") or (), start=1):
        try:
            said = await _failure(gateway, step, hook)
        except (NotFound, Conflict):
            break  # it does not run
        except TabibError as error:
            said = error.happened
        if said:
            warnings.append(f"its pre_stop hook {number} {said}; it is stopped all the same")
    return tuple(warnings)


async def _failure(gateway: Gateway, step: Step, hook: Mapping[str, Any]) -> str:
    """Why the hook failed; empty where it did not."""
    config = present(
        {
            "User": hook.get("user"),
            "Privileged": bool(hook.get("privileged")),
            "Env": environment(hook.get("environment") or {}),
            "WorkingDir": hook.get("working_dir"),
        }
    )
    command = {"Cmd": [str(word) for word in hook.get("command") or ()]}
    result = await execute(gateway, step.target, {**config, **command}, HOOK_DEADLINE_S)
    if not result.exit_code:
        return ""
    said = (result.stderr or result.stdout).decode(errors="replace").strip()[-_SAID_CHARS:]
    return f"exited with status {result.exit_code}" + (f": {said}" if said else "")
