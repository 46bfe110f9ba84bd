"""Copies of files: the first one, and one of little change, beside restic run by hand."""

from __future__ import annotations

import os
import random
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Bench, Row
from benchmarks.by_hand import ByHand, cold

GIGABYTES = float(os.environ.get("BENCH_GB", "10"))
"""Of files."""
CHANGED = 0.01
ROUNDS = 3
"""At most: each copies it all twice."""
_SIZES = ((0.1, 20_000), (0.4, 1_000_000), (0.5, 50_000_000))
"""Of the bytes so many are in files of about this size."""
_POOL = 64 << 20
_PIECE = 16 << 10
FILES = """name: tabib-bench-files
x-tabib: {{backup: {{schedule: never, drill: {{schedule: never}}, repository: "{repository}"}}}}
services:
  keeper:
    image: busybox:1.36
    command: [sleep, "1000000"]
    init: true
    volumes: [data:/data]
  seed:
    image: busybox:1.36
    command: [sleep, "1000000"]
    init: true
    volumes: [seed:/data]
volumes: {{data: {{}}, seed: {{}}}}
"""
_BY_HAND = "restic by hand, same container"


def measure(bench: Bench) -> list[Row]:
    file = bench.folder / "files" / "compose.yaml"
    file.parent.mkdir()
    repository = bench.folder / "tabib-repository"
    hand = ByHand(bench, bench.folder / "hand-repository")
    file.write_text(FILES.format(repository=f"{repository}-0"), encoding="utf-8")
    bench.project(file)
    bench.tabib("-f", str(file), "up")
    data = bench.volume("tabib-bench-files_data")
    seed = bench.volume("tabib-bench-files_seed")
    (seed / "seed").write_text("so that there is a repository before anything is timed\n")
    tree = _Tree(data)
    tree.fill(GIGABYTES * 1e9)

    def ours() -> float:
        cold(data)
        return bench.tabib("-f", str(file), "backup", "keeper")

    def by_hand() -> float:
        cold(data)
        return hand.run("backup", "/data", mount=f"{data}:/data:ro")

    first: list[list[float]] = [[], []]
    second: list[list[float]] = [[], []]
    for number in range(min(bench.runs, ROUNDS)):
        # New repositories for both: what was copied before is not found again.
        hand.begin()
        shutil.rmtree(f"{repository}-{number}", ignore_errors=True)
        file.write_text(FILES.format(repository=f"{repository}-{number + 1}"), encoding="utf-8")
        bench.tabib("-f", str(file), "up")
        bench.tabib("-f", str(file), "backup", "seed")
        hand.run("backup", "/data", mount=f"{seed}:/data:ro")
        order: list[tuple[int, Callable[[], float]]] = [(0, ours), (1, by_hand)]
        for index, copy in order if number % 2 == 0 else reversed(order):
            first[index].append(copy())
        tree.change(CHANGED)
        for index, copy in order if number % 2 else reversed(order):
            second[index].append(copy())
    bench.tabib("-f", str(file), "down", "-v", "--yes", "--no-backup", "--timeout", "0")
    shutil.rmtree(data, ignore_errors=True)
    (a, b), (c, d) = ([statistics.median(one) for one in found] for found in (first, second))
    rates = [f"{tree.size / 1e6 / seconds:.0f} MB/s" for seconds in (a, b)]
    what = f"{tree.size / 1e9:.1f} GB in {len(tree.files)} files"
    return [
        Row(
            f"first copy of {what} ({rates[0]}, by hand {rates[1]})",
            a,
            _BY_HAND,
            b,
            "≤ 1.05× (≥ 0.95× of its throughput)",
        ),
        Row("the same after 1 % changed", c, _BY_HAND, d, "≤ 1.1×"),
    ]


class _Tree:
    """Files of all sizes. A half of what is in them is noise, a half words: it compresses about as
    well as documents, pictures and databases together do, and no part of it is there twice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[tuple[Path, int]] = []
        self.size = 0
        self._random = random.Random(20)
        words = [os.urandom(self._random.randint(1, 5)).hex().encode() for _ in range(20_000)]
        text = b" ".join(self._random.choices(words, k=_POOL // 8))
        self._words = text + b" " * max(0, _POOL - len(text))

    def fill(self, size: float) -> None:
        for share, typical in _SIZES:
            left = size * share
            while left > 0:
                length = int(min(left, typical * self._random.uniform(0.2, 1.8))) or 1
                folder = self.folder / f"{len(self.files) % 97:02}"
                folder.mkdir(exist_ok=True)
                path = folder / f"{len(self.files)}.bin"
                self._write(path, length)
                self.files.append((path, length))
                left -= length
                self.size += length

    def change(self, share: float) -> None:
        """Write files of every size anew, as many as hold this share of the bytes."""
        left = self.size * share
        for path, length in self._random.sample(self.files, len(self.files)):
            if length <= left:
                self._write(path, length)
                left -= length

    def _write(self, path: Path, length: int) -> None:
        with path.open("wb") as file:
            while length > 0:
                at = self._random.randrange(_POOL - _PIECE)
                piece = os.urandom(_PIECE) + self._words[at : at + _PIECE]
                file.write(piece[:length])
                length -= len(piece)
