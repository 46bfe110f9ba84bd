"""``make damage``: every damage to every database, and the table of what came of it.

python -m damage [--jobs N] [--quick] [--own-engine] [NAME | DATABASE | DAMAGE]...
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from damage import report
from damage.harness import ground
from damage.scenarios import Scenario, scenarios


def chosen(every: list[Scenario], given: argparse.Namespace) -> list[Scenario]:
    def names(one: Scenario) -> set[str]:
        return {one.name, one.database.name, one.damage.replace(" ", "-")}

    wanted = set(given.names)
    found = [one for one in every if not wanted or wanted & names(one)]
    unknown = wanted - {name for one in found for name in names(one)}
    if unknown:
        sys.exit(f"there is no scenario {', '.join(sorted(unknown))}")
    return [one for one in found if one.quick or not given.quick]


def main() -> int:
    parser = argparse.ArgumentParser(prog="damage")
    parser.add_argument("names", nargs="*", help="scenarios, databases or damages; default: all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="only what `make test` runs too")
    parser.add_argument(
        "--own-engine", action="store_true", help="on an engine that is started for it (root)"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends it, it is cleared
    begun = time.monotonic()
    rows: list[dict[str, object]] = []
    wanted = chosen(scenarios(), given)
    images = {one.database.image for one in wanted}
    with ground(images, own_engine=given.own_engine) as made:
        for one in made.run(wanted, given.jobs):
            row = {**asdict(one), "right": one.right}
            rows.append(row)
            print(f"{one.name} ({one.seconds:.0f} s): {'; '.join(one.wrong) or 'well'}")
            for line in one.told:
                print(f"    {line}")
            sys.stdout.flush()
            report.write(Path(__file__).parent, [row], [each.name for each in scenarios()])
    print(f"{len(rows)} scenarios in {(time.monotonic() - begun) / 60:.1f} minutes")
    print(json.dumps([row["name"] for row in rows if not row["right"]]))
    return 0 if all(row["right"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
