"""`python3 -m setup.suite [ARGUMENTS of pytest]`: every test; few that failed are run once more.

The tests share a machine with real engines, databases and kernels, and some of those have races of
their own. What fails alone among thousands and passes when it is run again is told as such at the
end: it is a defect to be found, in the test or in tabib, and no reason to know nothing of the rest.
What fails twice, or with more than a few others, fails.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

from setup.run import ROOT
from setup.say import line, paint, warn

FEW = 3
LAST_FAILED = Path(".pytest_cache", "v", "cache", "lastfailed")
FAILED, PASSED = 1, 0
"""pytest's exit codes: tests failed, all passed."""
AGAIN = Path(".pytest_cache", "again.xml")
BY_HAND = re.compile(
    r"--(lf|last-failed|ff|failed-first|exitfirst|maxfail|pdb|sw|stepwise)\b|-[A-Za-z]*x[A-Za-z]*$"
)
"""Who asks for one of these looks for a failure, and is shown it; and a run that stops at the first
failure tells nothing of the rest."""


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    pytest = [str(ROOT / ".venv" / "bin" / "python"), "-m", "pytest"]
    if any(BY_HAND.match(one) for one in arguments):
        return subprocess.run([*pytest, *arguments], cwd=root, check=False).returncode
    # What an earlier run failed with is none of this one's.
    (root / LAST_FAILED).unlink(missing_ok=True)
    code = subprocess.run([*pytest, *arguments], cwd=root, check=False).returncode
    failed = which(root / LAST_FAILED)
    if code != FAILED or not 0 < len(failed) <= FEW:
        return code
    line(f"\n{paint('once more', 'yellow')}: {', '.join(failed)}\n")
    command = [*pytest, f"--junit-xml={root / AGAIN}", *failed]
    again = subprocess.run(command, cwd=root, check=False).returncode
    if again != PASSED:
        return again
    line()
    if passed(root / AGAIN) < len(failed):
        warn("what had failed was skipped when it was run once more")
        return FAILED
    for one in failed:
        warn(f"{one} failed once, then passed. That is a defect: see the first failure above.")
    return PASSED


def passed(report: Path) -> int:
    """How many tests of a run ran, and well."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return sum(one.find("skipped") is None for one in cases)


def which(file: Path) -> list[str]:
    """The tests that failed in the last run, as pytest has written them down."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return sorted(str(one) for one in found) if isinstance(found, dict) else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
