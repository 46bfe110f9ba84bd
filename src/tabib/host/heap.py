"""How Python looks for reference cycles in a process that lives long and must not pause."""

from __future__ import annotations

import gc

_YOUNG = 1_200
"""New objects between two searches among the newest: one takes some tenths of a millisecond."""
_MIDDLE = 5
_OLD = 100


def settle_heap() -> None:
    """Leave what was loaded until now out of every later search, and search little and often.

    A search through everything holds up all tasks for as long as it lasts: tens of milliseconds
    with the modules of the daemon, which stay until its end anyway. Call it once, when all is
    loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
