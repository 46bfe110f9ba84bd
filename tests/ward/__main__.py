"""``make ward``: runs the ward and prints its figures.

python -m ward [--slice 1/3] [--jobs N] [--quick] [--cases] [NAME or FAMILY]...
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from ward import report
from ward.cases import keep
from ward.harness import as_json, ward
from ward.scenario import Scenario, scenarios

RESULTS = Path(__file__).parent / "results"


def chosen(every: list[Scenario], given: argparse.Namespace) -> list[Scenario]:
    names = set(given.names)
    found = [one for one in every if not names or names & {one.name, one.family}]
    unknown = names - {one.name for one in found} - {one.family for one in found}
    if unknown:
        sys.exit(f"there is no scenario {', '.join(sorted(unknown))}")
    if given.quick:
        found = [one for one in found if one.quick]
    part, _, parts = given.slice.partition("/")
    return found[int(part) - 1 :: int(parts)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="ward")
    parser.add_argument("names", nargs="*", help="scenarios or families; default: all")
    parser.add_argument("--slice", default="1/1", metavar="N/M")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="only what `make test` runs too")
    parser.add_argument("--cases", action="store_true", help="keep the sealed cases as tests")
    given = parser.parse_args()
    every = scenarios()
    with ward(Path(tempfile.mkdtemp(prefix="tabib-ward-"))) as made:
        results = made.run(chosen(every, given), given.jobs)
        if given.cases:
            keep(made, results, {one.name: one for one in every})
    rows = as_json(results)
    report.write(RESULTS, rows, [one.name for one in every])
    print(report.markdown(rows))
    return 0 if all(row["right"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
