"""``make kills``: 200 runs, each killed at a random moment.

python -m kills [--runs N] [--seed S] [--add] [--into FOLDER]

--add: to the runs that results.json has
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from setup import engine_api

from kills.harness import RESTORES, WORK, Ground, Killed, free
from support.installation import free_engine, owner_of

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="kills")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--add", action="store_true")
    parser.add_argument("--into", type=Path, default=HERE, help="the folder of results.*")
    given = parser.parse_args()
    results = given.into / "results.md"
    runs = results.with_suffix(".json")
    free()
    engine = engine_api.Engine(engine_api.find())
    free_engine(engine)
    kept = json.loads(runs.read_text()) if given.add and runs.exists() else []
    done = [Killed(**one) for one in kept]
    chance = random.Random(given.seed + len(done))
    before = sum(one.took_s for one in done)
    begun = time.monotonic()
    ground = Ground(Path(tempfile.mkdtemp(prefix="tabib-kills-")) / "state", engine)
    try:
        ground.begin()
        for number in range(len(done) + 1, len(done) + given.runs + 1):
            at = time.monotonic()
            one = ground.kill_once(number, chance)
            if number % 20 == 0 and (said := ground.in_the_repository()):
                one.wrong.append(said)
            one.took_s = round(time.monotonic() - at, 1)
            done.append(one)
            runs.write_text(json.dumps([asdict(each) for each in done], indent=0) + "\n")
            ended = " (had ended)" if one.ended else ""
            told = "; ".join(one.wrong) or "well"
            told += f"; the next took {one.next_s:.1f} s"
            print(f"{number:4} {one.work:8} {one.victim:7} {one.after_s:5.2f} s{ended}: {told}")
            sys.stdout.flush()
    finally:
        ground.clear()
        assert owner_of(engine) is None
        if done:
            results.write_text(_table(done, before + time.monotonic() - begun, given.seed))
    print(results.read_text())
    return 1 if any(one.wrong for one in done) else 0


def _table(done: list[Killed], seconds: float, seed: int) -> str:
    bad = [one for one in done if one.wrong]
    lines = [
        "# Killed in the middle",
        "",
        f"Written by `make kills`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {len(done)} runs in "
        f"{seconds / 60:.0f} minutes, seed {seed}. Each was killed (SIGKILL to the daemon, to its "
        "helper containers, or to both) at a random moment of the time that it takes (`swap`: of "
        "the last half of a restore). Afterwards the project must be well again; its data, in a "
        "database and in files, all of one time: what was acknowledged last, or, in a restore, "
        "what it brings back; the newest good copy can be listed from its repository; the same "
        "work completes, with the data that it must leave; and no helper, scratch container, "
        "volume or network is left. After each twentieth run the whole repository is read (`restic "
        "check --read-data`), and must hold exactly the snapshots that are listed.",
        "",
        f"{len(done) - len(bad)} were as they must; something was wrong after {len(bad)}.",
        "",
        "| work | runs | killed something before its end | the old data, the new | "
        "something wrong | the next took, median and most |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for work in WORK:
        of = [one for one in done if one.work == work]
        middle = sum(one.hit > 0 and not one.ended for one in of)
        became = Counter(one.became for one in of)
        times = sorted(one.next_s for one in of) or [0.0]
        next_s = f"{times[len(times) // 2]:.1f} s, {times[-1]:.1f} s"
        ages = f"{became['old']}, {became['new']}" if work in RESTORES else ""
        wrong = sum(bool(one.wrong) for one in of)
        lines.append(f"| {work} | {len(of)} | {middle} | {ages} | {wrong} | {next_s} |")
    lines += ["", *(f"- run {one.number}, {one.work}: {'; '.join(one.wrong)}" for one in bad)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
