"""Lifecycle hooks: what runs inside a container after its start and before its stop.

They travel with the container, in a label of ours: whoever starts or stops it later (``down``
without a file, care at night) runs the same ones, and nothing has to be asked of the engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tabib.model.container import LABEL_HOOKS
from tabib.model.plan import Verb

POST_START, PRE_STOP = "post_start", "pre_stop"
_RUN_BY: Mapping[Verb, tuple[str, ...]] = {
    Verb.START_CONTAINER: (POST_START,),
    Verb.STOP_CONTAINER: (PRE_STOP,),
    Verb.RESTART_CONTAINER: (PRE_STOP, POST_START),
}


def hook_labels(service: Mapping[str, Any]) -> dict[str, str]:
    """The label for a container of ``service``; empty where it has no hooks."""
    hooks = {key: list(service[key]) for key in (POST_START, PRE_STOP) if service.get(key)}
    return {LABEL_HOOKS: json.dumps(hooks, separators=(",", ":"))} if hooks else {}


def hook_options(verb: Verb, labels: Mapping[str, str]) -> dict[str, Sequence[Any]]:
    """The hooks of a container with ``labels`` that a step with ``verb`` runs, as its options.

    A label that is not ours to read (edited by hand) has none.
    """
    written = labels.get(LABEL_HOOKS)
    if not written or verb not in _RUN_BY:
        return {}
    try:
        hooks = json.loads(written)
    except ValueError:
        return {}
    if not isinstance(hooks, dict):
        return {}
    return {key: hooks[key] for key in _RUN_BY[verb] if isinstance(hooks.get(key), list)}
