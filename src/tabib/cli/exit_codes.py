"""The one table from kinds of errors to exit codes."""

from __future__ import annotations

from tabib.model.errors import TabibError

DONE = 0
FOUND_TROUBLE = 1
USAGE = 2
REFUSED = 3
CONFIG = 4
ENGINE = 5
NOT_STARTED = 6
DAMAGED = 7
STATE = 8
BUG = 70
OWN_FAILURE = 125
"""Of tabib itself, in commands that pass a container's exit code on."""
INTERRUPTED = 130
TERMINATED = 143

BY_KIND = {
    "error": BUG,
    "usage": USAGE,
    "refused": REFUSED,
    "owned_elsewhere": REFUSED,
    "lease_held": REFUSED,
    "needs_confirmation": REFUSED,
    "config": CONFIG,
    "engine_unavailable": ENGINE,
    "engine_forbidden": ENGINE,
    "engine_timeout": ENGINE,
    "start_failed": NOT_STARTED,
    "image_unavailable": NOT_STARTED,
    "build_failed": NOT_STARTED,
    "port_taken": NOT_STARTED,
    "not_healthy": NOT_STARTED,
    "damaged": DAMAGED,
    "repository_damaged": DAMAGED,
    "repository_trouble": NOT_STARTED,
    "repository_missing": CONFIG,
    "repository_key_wrong": CONFIG,
    "repository_unreachable": NOT_STARTED,
    "repository_locked": REFUSED,
    "repository_full": NOT_STARTED,
    "copy_failed": NOT_STARTED,
    "state_unusable": STATE,
    "engine_error": NOT_STARTED,
    "not_found": USAGE,
    "conflict": NOT_STARTED,
    "interrupted": INTERRUPTED,
    "bug": BUG,
}


def of_error(error: TabibError) -> int:
    """The exit code for ``error``; a kind that the table does not know counts as its parent's."""
    for cls in type(error).__mro__:
        kind = getattr(cls, "kind", None)
        if kind in BY_KIND:
            return BY_KIND[kind]
    return BUG
