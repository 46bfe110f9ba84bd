"""What is asked of a trouble that more than one service may have caused, and what is answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

GAUGE, COUNTER = "gauge", "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure of one service. ``times``: seconds on any clock, ascending; ``values[i]`` was read
    at ``times[i]``, None where it could not be. A ``counter`` is looked at as its rate a second."""

    service: str
    metric: str
    times: Sequence[float]
    values: Sequence[float | None]
    kind: str = GAUGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something that a rule found at a service. ``code``: a finding code; ``weight``: 0…1, how sure
    it is; ``at``: seconds on the clock of the series, None where unknown. ``about``: the service
    that is complained of, where it is another one (``web`` says that ``db`` refuses it)."""

    service: str
    code: str
    summary: str
    weight: float = 0.8
    at: float | None = None
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was changed lately. ``kind``: ``release``, ``configuration``, ``image``, ``restart`` or
    ``host``; ``service`` is ``""`` where it concerns all."""

    service: str
    kind: str
    at: float
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that is known of a trouble. ``at``: when it was seen, on the clock of the series; they
    may end there or go on. ``calls``: service → the services that it uses; None: not known."""

    at: float
    series: Sequence[Line] = ()
    calls: Mapping[str, Collection[str]] | None = None
    findings: Sequence[Told] = ()
    changes: Sequence[Change] = ()
    connections: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(caller, callee) → how many connections the caller holds to it, where that was looked at."""
    target: str = ""
    """The service at which the trouble was seen; ``""``: not known. What it does not use, and what
    shares nothing that it uses, is less likely its cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One possible cause. ``metric``: the figure, or the code of the finding, or ``change.KIND``.

    ``score``: 0…1; below 0.4 nothing unusual was seen. ``onset``: since when, on the clock of the
    series. ``explained_by``: the service whose trouble explains this one."""

    service: str
    metric: str
    score: float
    reasons: tuple[str, ...] = field(default=())
    onset: float | None = None
    explained_by: str = ""
