"""``python -m benchmarks [--runs N] [--only NAME …]``: measure, print the table, keep it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    backups,
    care,
    causes,
    checkup,
    commands,
    databases,
    healing,
    loading,
    logs,
    processes,
    projects,
    sampling,
    series,
)
from benchmarks.bench import Bench, Row
from benchmarks.table import render, write

SCENARIOS = {
    "commands": commands.measure,
    "loading": loading.measure,
    "shop": projects.shop,
    "many": projects.many,
    "healing": healing.measure,
    "care": care.measure,
    "checkup": checkup.measure,
    "processes": processes.measure,
    "series": series.measure,
    "sampling": sampling.measure,
    "logs": logs.measure,
    "causes": causes.measure,
    "backups": backups.measure,
    "databases": databases.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="interleaved runs of each (default 7)")
    parser.add_argument("--only", choices=SCENARIOS, nargs="*", help="only these scenarios")
    parser.add_argument("--data", type=Path, help="for causes: a folder of recorded cases")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tabib-bench-") as folder:
        bench = Bench(Path(folder), options.runs, options.data)
        found: dict[str, list[Row]] = {}
        try:
            for name in options.only or SCENARIOS:
                print(f"— {name}", file=sys.stderr, flush=True)
                found[name] = SCENARIOS[name](bench)
        finally:
            bench.close()
            if found:
                kept = write(found, options.runs, list(SCENARIOS))
    for name, rows in found.items():
        print(f"{name}\n{render(rows)}\n")
    print(f"written to {kept}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
