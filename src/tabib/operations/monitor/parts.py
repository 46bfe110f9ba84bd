"""What a recorder is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tabib.decide.rhythm import USUAL_S
from tabib.model.sample import Retention
from tabib.ports import KernelStreams, LogStore, Sampler, Series


@dataclass(slots=True, kw_only=True)
class Parts:
    """``sampler`` and ``streams`` None: the engine's kernel is out of reach."""

    series: Series
    logs: LogStore
    sampler: Sampler | None = None
    streams: KernelStreams | None = None
    retention: Retention = field(default_factory=Retention)
    usual_s: float = USUAL_S
    troubled: Callable[[], bool] = lambda: False
    """Whether a slot is under treatment now."""
