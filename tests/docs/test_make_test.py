"""`make test`: what failed once is run once more, and what failed twice fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from setup import suite

FLAKY = """
from pathlib import Path

def test_that_failed_once():
    seen = Path(__file__).with_name("seen")
    there = seen.exists()
    seen.write_text("")
    assert there
"""
FAILING = """
import pytest

@pytest.mark.parametrize("number", range({}))
def test_that_fails(number):
    raise AssertionError(number)
"""
SKIPPED = """
from pathlib import Path
import pytest

def test_that_is_skipped_then():
    seen = Path(__file__).with_name("seen")
    if seen.exists():
        pytest.skip("not now")
    seen.write_text("")
    raise AssertionError
"""
ONE, FEW, MANY = (FAILING.format(number) for number in (1, suite.FEW, suite.FEW + 1))


@pytest.mark.parametrize(
    ("text", "arguments", "code", "again"),
    [
        (FLAKY, (), 0, True),
        ("def test_well(): pass", (), 0, False),
        (ONE, (), 1, True),
        (FEW, (), 1, True),
        (MANY, (), 1, False),
        (SKIPPED, (), 1, True),
        (FLAKY, ("-vx",), 1, False),
        (FLAKY, ("--maxfail=1",), 1, False),
        ("no python", (), 2, False),
    ],
    ids=["once", "never", "twice", "few", "many", "skipped", "by hand", "at most", "unreadable"],
)
def test_what_is_run_again(
    text: str,
    arguments: tuple[str, ...],
    code: int,
    again: bool,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "test_it.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert suite.main(arguments, tmp_path) == code
    out = capfd.readouterr().out
    assert ("once more: test_it.py::" in out) is again
    assert ("failed once, then passed" in out) is (again and code == 0)
