"""Patience ends, and later where the machine had no time for what is waited for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.installation import until
from support.patience import Patience, outcome, stalled_s


def spent(patience: Patience, pressure: Path | None = None, step_us: int = 0) -> float:
    """How long it lasts, while the kernel tells of ``step_us`` more stall each 10 ms."""
    begun, total = time.monotonic(), 0
    while not patience.over:
        time.sleep(0.01)
        total += step_us
        if pressure:
            pressure.write_text(f"some avg10=0.00 avg60=0.00 avg300=0.00 total={total}\nfull …\n")
    return time.monotonic() - begun


def test_where_the_kernel_tells_nothing_it_is_a_plain_deadline(tmp_path: Path) -> None:
    assert spent(Patience(0.3, [tmp_path / "none"])) >= 0.3


def test_on_a_busy_machine_it_is_five_times_as_long_and_ends(tmp_path: Path) -> None:
    pressure = tmp_path / "cpu"
    pressure.write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
    assert spent(Patience(0.2, [pressure]), pressure, 10**9) >= 0.2 * 4.5


def test_what_the_kernel_tells_is_understood(tmp_path: Path) -> None:
    (tmp_path / "cpu").write_text("some avg10=1.00 avg60=1.00 avg300=1.00 total=1500000\nfull x\n")
    (tmp_path / "io").write_text("some avg10=1.00 avg60=1.00 avg300=1.00 total=500000\n")
    assert stalled_s([tmp_path / "cpu", tmp_path / "io"]) == 2.0
    assert stalled_s() >= 0


def test_what_never_comes_is_told() -> None:
    with pytest.raises(AssertionError, match=r"the end of time: not within 0\.1 s"):
        until(lambda: False, 0.1, "the end of time")


def test_a_process_that_does_not_end_is_killed_and_what_it_said_is_told() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "print('I wait', flush=True); import time; time.sleep(300)"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with pytest.raises(AssertionError, match=r"did not end: I wait"):
        outcome(process, 1.5)
    assert process.returncode == -9


def test_a_slow_process_gets_all_its_input_and_all_it_said_is_there() -> None:
    script = "import sys, time; time.sleep(1.2); t = sys.stdin.read(); print(len(t)); print(t)"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    given = "x" * 500_000
    assert outcome(process, 60, given) == (f"500000\n{given}\n", "")
