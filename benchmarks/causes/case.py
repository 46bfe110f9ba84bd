"""A labelled case, as the simulator makes it and as a folder holds it."""

from __future__ import annotations

from dataclasses import dataclass

from tabib.decide.causes import Question


@dataclass(frozen=True, slots=True)
class Labelled:
    """``metrics``: the figures that show the fault itself; empty: only the service is known.
    ``split``: when the fault began, where the series go on after it: the baselines are told."""

    name: str
    question: Question
    service: str
    metrics: frozenset[str]
    fault: str
    split: float
