"""One step on a container that exists: the shape that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.decide.hooks import hook_options
from tabib.model.container import ContainerState
from tabib.model.plan import Step, Verb


def on_container(
    verb: Verb,
    state: ContainerState,
    reason: str,
    *,
    after: tuple[str, ...] = (),
    options: Mapping[str, Any] | None = None,
) -> Step:
    """``verb`` on ``state``, by its id; the step is called ``<word>:<container's name>``.

    The container's own hooks are added to ``options``.
    """
    word = verb.value.removesuffix("_container")
    return Step(
        id=f"{word}:{state.name}",
        verb=verb,
        subject=state.name,
        reason=reason,
        target=state.id,
        service=state.service,
        after=after,
        options={**(options or {}), **hook_options(verb, state.labels)},
    )
