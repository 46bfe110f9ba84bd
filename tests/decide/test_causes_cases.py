"""The cases that the ranking is scored by: read from folders, simulated, beside the baselines."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.causes import SCORERS, read, score, simulate, with_graph


def folder(at: Path, name: str, *, graph: str = "", target: str = "") -> Path:
    made = at / name / "1"
    made.mkdir(parents=True)
    rows = ["time,front-end_cpu,front-end_latency-90,cart_db_cpu,cart_db_mem"]
    for second in range(120):
        busy = 9 if second >= 80 else 1
        rows.append(f"{1000 + second},{1 + second % 3 * 0.1},0.2,{busy + second % 5 * 0.1},")
    (made / "data.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (made / "inject_time.txt").write_text("1080\n", encoding="utf-8")
    if graph:
        (made / "graph.csv").write_text(graph, encoding="utf-8")
    if target:
        (made / "target.txt").write_text(target, encoding="utf-8")
    return made


def test_a_folder_of_cases_is_read_and_scored(tmp_path: Path) -> None:
    folder(tmp_path, "cart_cpu")
    folder(tmp_path, "odd", graph="caller,callee\nfront-end,cart_db\n", target="cart_db cpu\n")
    plain, known = read.cases(tmp_path)
    assert (plain.service, plain.fault, plain.question.at) == ("cart", "cpu", 1080)
    assert {line.service for line in plain.question.series} == {"front-end", "cart"}
    assert plain.question.calls is None
    assert {line.service for line in known.question.series} == {"front-end", "cart_db"}
    assert (known.service, known.metrics) == ("cart_db", {"cpu"})
    assert known.question.calls == {"front-end": {"cart_db"}, "cart_db": set()}
    for scorer in SCORERS.values():
        assert score([plain, known], scorer).ac1 == 1.0


def test_a_file_that_is_no_case_is_named(tmp_path: Path) -> None:
    made = folder(tmp_path, "cart_cpu")
    (made / "data.csv").write_text("when,a_cpu\n1,2\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"cart_cpu/1: it cannot be read as a case: .*`time`"):
        list(read.cases(tmp_path))


def test_simulated_cases_are_the_same_again_and_ranked_better_than_by_the_baselines() -> None:
    cases = [simulate.case(simulate.TUNED, seed) for seed in range(36)]
    assert simulate.case(simulate.TUNED, 5) == cases[5]
    found = {name: score(cases, scorer) for name, scorer in SCORERS.items()}
    ours, alone = found["with the graph"], found["without it"]
    best = max(found["N-sigma"].ac1, found["median/IQR"].ac1)
    assert ours.ac1 >= 0.7
    assert alone.ac1 >= best + 0.1
    assert ours.ac1 >= best + 0.1


def test_every_kind_of_fault_is_simulated() -> None:
    cases = [simulate.case(simulate.HELD_OUT, seed) for seed in range(18)]
    assert {case.fault for case in cases} >= set(simulate.FAULTS) - {"neighbour", "connections"}
    assert all(case.question.series and with_graph(case) for case in cases)
