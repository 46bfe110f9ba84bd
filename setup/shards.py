"""`python3 -m setup.shards [ARGUMENTS of pytest]`: every test, in as little time as it takes.

The test files are dealt out over several runs of pytest at once, each beside an engine of its own
(`setup/apart.py`), for an engine has one owner and most of a test's time is waiting. By hand, with
arguments, without root or with one processor: one plain run.

`python3 -m setup.shards --record` writes how long each file took in the last run into
`tests/seconds.json`, by which they are dealt out.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from setup import apart, engine, images
from setup.run import CACHE, ROOT, environment
from setup.say import SetupError, line, problem

SECONDS = ROOT / "tests" / "seconds.json"
RESULTS = CACHE / "tests"
MOST = 3
NOT_KNOWN_S = 10.0
NO_TESTS = 5
"""pytest's exit code."""
HOST_BOUND = (
    "tests/host/",
    "tests/stores/test_repository_targets.py",  # fetches an SSH server
    "tests/e2e/test_recover_sftp.py",  # as well
    "tests/e2e/test_building.py",  # fetches buildx
    "tests/e2e/test_recorder.py",
    "tests/e2e/test_looking.py",
    "tests/e2e/test_kept_logs.py",
    "tests/e2e/properties/test_processes.py",
)
"""What the kernel tells of processes, it tells in the machine's first namespaces alone."""


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["--record"]:
        record()
        return 0
    many = min((os.cpu_count() or 1) + 1, MOST)  # most of the time a test waits
    if arguments or many < 3 or not apart.possible():
        return subprocess.run([*_pytest(), *arguments], cwd=ROOT, check=False).returncode
    try:
        return everything(many)
    except SetupError as error:
        problem(error)
        return error.code


def _pytest() -> list[str]:
    return [str(ROOT / ".venv" / "bin" / "python"), "-m", "pytest"]


def everything(many: int) -> int:
    """Run all tests in `many` shards; the worst exit code."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    source = engine.ensure()
    with ExitStack() as around:
        beside = [apart.running(source, images.GROUPS["all"]) for _ in range(many - 1)]
        worlds = [[], *(around.enter_context(one) for one in beside)]
        shards = [
            _Shard(number, world, files)
            for number, (world, files) in enumerate(zip(worlds, deal(many), strict=True), 1)
        ]
        try:
            for shard in shards:
                shard.start()
            for shard in shards:
                shard.join()
        except KeyboardInterrupt:
            for shard in shards:
                shard.interrupt()
            for shard in shards:
                shard.join()
            raise
    for shard in shards:
        line(f"shard {shard.number}: {shard.said[-1] if shard.said else 'said nothing'}")
        for text in shard.said:
            if text.startswith(("FAILED ", "ERROR ")):
                line(text)
    code = max(shard.code for shard in shards)
    line(f"all tests: {'failed' if code else 'passed'} in {time.monotonic() - begun:.0f} s")
    return code


class _Shard(threading.Thread):
    """One run of pytest, whose lines are told with its number before them."""

    def __init__(self, number: int, world: Sequence[str], files: Sequence[str]) -> None:
        super().__init__(name=f"shard {number}", daemon=True)
        self.number = number
        self.said: list[str] = []
        self.code = 1
        report = f"--junitxml={RESULTS}/shard-{number}.xml"
        extra = {"OFFLINE": "1"} if world else {}
        self._process = subprocess.Popen(
            [*world, *_pytest(), report, *files],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env=environment(extra), start_new_session=True,
        )  # fmt: skip

    def run(self) -> None:
        assert self._process.stdout
        for text in self._process.stdout:
            self.said.append(text.rstrip())
            line(f"[{self.number}] {text.rstrip()}")
        code = self._process.wait()
        self.code = 0 if code == NO_TESTS else abs(code)

    def interrupt(self) -> None:
        """As Ctrl-C: what its tests made, they remove."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)


def deal(many: int) -> list[list[str]]:
    """Every test file, in `many` lists of about the same time, the longest files first; what is
    bound to the host in the first list."""
    known = _seconds()
    files = sorted(str(one.relative_to(ROOT)) for one in (ROOT / "tests").rglob("test_*.py"))
    taken = [0.0] * many
    lists: list[list[str]] = [[] for _ in range(many)]
    for file in sorted(
        files, key=lambda one: (not one.startswith(HOST_BOUND), -known.get(one, NOT_KNOWN_S))
    ):
        least = 0 if file.startswith(HOST_BOUND) else taken.index(min(taken))
        taken[least] += known.get(file, NOT_KNOWN_S)
        lists[least].append(file)
    return lists


def _seconds() -> dict[str, float]:
    try:
        return dict(json.loads(SECONDS.read_text()))
    except (OSError, ValueError):
        return {}


def record() -> None:
    """Write down how long each file took in the last run of everything; files that are gone go."""
    found: dict[str, float] = {}
    for report in sorted(RESULTS.glob("shard-*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            file = _file_of(case.get("classname") or "")
            if file:
                found[file] = found.get(file, 0.0) + float(case.get("time") or 0)
    known = {file: took for file, took in _seconds().items() if (ROOT / file).exists()}
    rounded = {file: round(took, 1) for file, took in sorted({**known, **found}.items())}
    SECONDS.write_text(json.dumps(rounded, indent=1) + "\n")


def _file_of(classname: str) -> str:
    """`tests.e2e.test_x[.Class]` → its file; empty where there is none."""
    words = classname.split(".")
    while words:
        path = Path(*words).with_suffix(".py")
        if (ROOT / path).is_file():
            return str(path)
        words.pop()
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
