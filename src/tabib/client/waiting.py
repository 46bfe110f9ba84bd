"""Waiting for descriptors, however high their numbers are: ``select()`` takes none above 1023."""

from __future__ import annotations

import math
import select
from collections.abc import Iterable
from dataclasses import dataclass

_ENDED = select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(frozen=True, slots=True)
class Ready:
    """Descriptors that can be used now without waiting; an end or an error can be read too."""

    reading: frozenset[int]
    writing: frozenset[int]


def wait_for(
    reading: Iterable[int], writing: Iterable[int] = (), timeout_s: float | None = None
) -> Ready:
    """Wait until one of them is ready, at most ``timeout_s``; None waits for ever.

    What is not open counts as ready: its read or write tells the error.
    """
    poll = select.poll()
    wanted = dict.fromkeys(reading, select.POLLIN)
    for descriptor in writing:
        wanted[descriptor] = wanted.get(descriptor, 0) | select.POLLOUT
    for descriptor, events in wanted.items():
        poll.register(descriptor, events)
    found = poll.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))
    return Ready(_those(found, wanted, select.POLLIN), _those(found, wanted, select.POLLOUT))


def _those(found: list[tuple[int, int]], wanted: dict[int, int], event: int) -> frozenset[int]:
    return frozenset(
        descriptor
        for descriptor, events in found
        if wanted[descriptor] & event and events & (event | _ENDED)
    )
