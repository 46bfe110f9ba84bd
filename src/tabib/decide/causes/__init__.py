"""Which service a trouble comes from: ranked by what changed at each, how much, and how early.

:func:`rank` takes figures of services around a trouble and, as far as they are known, who uses
whom, what rules found and what was changed lately. It is pure and deterministic; docs/causes.md
tells how it weighs and how well it does.
"""

from __future__ import annotations

import math

from tabib.decide.causes.explain import distance, explain, explain_pressure
from tabib.decide.causes.question import COUNTER, GAUGE, Change, Line, Question, Suspect, Told
from tabib.decide.causes.signs import UNUSUAL, Sign, signs

__all__ = ["COUNTER", "GAUGE", "Change", "Line", "Question", "Suspect", "Told", "rank"]

_COMPANY = 0.12
"""A sign weighs more by this share for each other kind of sign of its service that is unusual."""
_COMPANIONS = 2
_SURE = 3.5


def rank(question: Question) -> tuple[Suspect, ...]:
    """Every figure that could be judged and every finding, the likeliest cause first.

    Figures of fewer than six values are left out. Without a graph all is weighed by itself.
    """
    found = signs(question)
    if question.calls is not None:
        explain(found, question.calls)
        distance(found, question.calls, question.target)
    explain_pressure(found)
    _company(found)
    ranked = sorted(found, key=lambda one: (-one.weight, one.service, one.metric))
    return tuple(
        Suspect(
            service=one.service,
            metric=one.metric,
            score=round(1 - math.exp(-max(0.0, one.weight) / _SURE), 4),
            reasons=tuple(dict.fromkeys(one.reasons)),
            onset=one.onset,
            explained_by=one.explained_by,
        )
        for one in ranked
    )


def _company(found: list[Sign]) -> None:
    kinds: dict[str, set[str]] = {}
    for one in found:
        if one.weight >= UNUSUAL and one.rises:
            kinds.setdefault(one.service, set()).add(one.kind)
    for one in found:
        others = len(kinds.get(one.service, set()) - {one.kind})
        if one.weight >= UNUSUAL:
            one.weight *= 1 + _COMPANY * min(others, _COMPANIONS)
