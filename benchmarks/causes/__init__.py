"""Causes across services: how often the ranking names the right one, beside two baselines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.bench import Bench, Row
from benchmarks.causes import baselines, read, simulate
from benchmarks.causes.case import Labelled
from tabib.decide.causes import rank

Ranked = list[tuple[str, str]]
_BUDGET_S = 0.050
_SIMULATED = 270
HELD_OUT_FROM = 1_000_000


def with_graph(case: Labelled) -> Ranked:
    return [(one.service, one.metric) for one in rank(case.question)]


def without_graph(case: Labelled) -> Ranked:
    question = replace(case.question, calls=None, changes=())
    return [(one.service, one.metric) for one in rank(question)]


SCORERS: dict[str, Callable[[Labelled], Ranked]] = {
    "with the graph": with_graph,
    "without it": without_graph,
    "N-sigma": baselines.n_sigma,
    "median/IQR": baselines.median_iqr,
}


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of cases in which the right one is among the first 1 and 3; ``avg5``: the mean of that
    over 1…5. ``pair1``: the right figure of the right service comes first, where it is known."""

    cases: int
    ac1: float
    ac3: float
    avg5: float
    pair1: float | None

    def __str__(self) -> str:
        pair = "" if self.pair1 is None else f"  pair@1 {self.pair1:.2f}"
        return f"AC@1 {self.ac1:.2f}  AC@3 {self.ac3:.2f}  Avg@5 {self.avg5:.2f}{pair}"


def score(cases: Sequence[Labelled], scorer: Callable[[Labelled], Ranked]) -> Score:
    """Services are ranked by their first figure."""
    places, pairs = [], []
    for case in cases:
        ranked = scorer(case)
        services = list(dict.fromkeys(service for service, _ in ranked))
        places.append(services.index(case.service) if case.service in services else 10_000)
        if case.metrics:
            pairs.append(bool(ranked) and ranked[0][0] == case.service
                         and ranked[0][1] in case.metrics)  # fmt: skip
    within = [sum(place < k for place in places) / len(places) for k in range(1, 6)]
    return Score(
        cases=len(cases),
        ac1=within[0],
        ac3=within[2],
        avg5=sum(within) / 5,
        pair1=sum(pairs) / len(pairs) if pairs else None,
    )


def table(title: str, cases: Sequence[Labelled]) -> dict[str, Score]:
    """Print the scores of a collection."""
    print(f"\n{title}: {len(cases)} cases", file=sys.stderr)
    found = {}
    for name, scorer in SCORERS.items():
        if name == "with the graph" and all(one.question.calls is None for one in cases):
            continue
        found[name] = score(cases, scorer)
        print(f"  {name:15} {found[name]}", file=sys.stderr)
    return found


def by_fault(cases: Iterable[Labelled]) -> dict[str, list[Labelled]]:
    groups: dict[str, list[Labelled]] = {}
    for case in cases:
        groups.setdefault(case.fault, []).append(case)
    return dict(sorted(groups.items()))


def slowest() -> float:
    """Seconds to rank 30 services with 12 figures of 180 values each: the best of five."""
    world = replace(simulate.HELD_OUT, sizes=(30, 30), names=("ours",))
    question = simulate.case(world, 7).question
    lines = [replace(one, times=list(one.times)[-180:], values=list(one.values)[-180:])
             for one in question.series]  # fmt: skip
    names = ["_a", "_b"]
    more = [replace(one, metric=one.metric + names[n % 2]) for n, one in enumerate(lines)]
    question = replace(question, series=[*lines, *more][: 30 * 12])
    taken = []
    for _ in range(5):
        begun = time.process_time()
        rank(question)
        taken.append(time.process_time() - begun)
    return min(taken)


def measure(bench: Bench) -> list[Row]:
    """``--data DIR``: a folder of cases, see ``read.py``; else simulated ones, held out."""
    if bench.data is not None:
        groups: dict[str, list[Labelled]] = {}
        for case in read.cases(bench.data):
            top = Path(case.name).relative_to(bench.data).parts[0]
            groups.setdefault(top if len(Path(case.name).relative_to(bench.data).parts) > 2 else
                              bench.data.name, []).append(case)  # fmt: skip
        if not groups:
            raise SystemExit(f"{bench.data}: there is no case below it (inject_time.txt, data.csv)")
    else:
        groups = {"simulated, held out": held_out()}
    rows = []
    for title, cases in groups.items():
        found = table(title, cases)
        best = max(found["N-sigma"].ac1, found["median/IQR"].ac1)
        rows += [
            Row(
                f"{title}: right service first, {name}",
                found[name].ac1,
                "the better baseline",
                best,
                "≥ the baseline",
                unit="",
            )
            for name in ("with the graph", "without it")
            if name in found
        ]
    rows.append(Row("ranking 30 services × 12 figures", slowest(), target="≤ 0.050 s"))
    return rows


def tuned(count: int = _SIMULATED) -> list[Labelled]:
    return [simulate.case(simulate.TUNED, seed) for seed in range(count)]


def held_out(count: int = _SIMULATED) -> list[Labelled]:
    return [simulate.case(simulate.HELD_OUT, HELD_OUT_FROM + seed) for seed in range(count)]
