"""`python3 -m setup.suite [ARGUMENTS of pytest]`: every test; few that failed are run once more.

The tests share a machine with real engines, databases and kernels, and some of those have races of
their own. What fails alone among thousands and passes when it is run again is told as such at the
end: it is a defect to be found, in the test or in tabib, and no reason to know nothing of the rest.
What fails twice, or with more than a few others, fails.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from setup.run import ROOT
from setup.say import line, paint, warn

FEW = 3
LAST_FAILED = Path(".pytest_cache", "v", "cache", "lastfailed")
FAILED, PASSED = 1, 0
"""pytest's exit codes: tests failed, all passed."""
BY_HAND = {"--lf", "--last-failed", "--ff", "--failed-first", "-x", "--exitfirst", "--pdb"}
"""Who asks for these looks for a failure, and is shown it."""


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    pytest = [str(ROOT / ".venv" / "bin" / "python"), "-m", "pytest"]
    if BY_HAND & set(arguments):
        return subprocess.run([*pytest, *arguments], cwd=root, check=False).returncode
    # What an earlier run failed with is none of this one's.
    (root / LAST_FAILED).unlink(missing_ok=True)
    code = subprocess.run([*pytest, *arguments], cwd=root, check=False).returncode
    failed = which(root / LAST_FAILED)
    if code != FAILED or not 0 < len(failed) <= FEW:
        return code
    line(f"\n{paint('once more', 'yellow')}: {', '.join(failed)}\n")
    again = subprocess.run([*pytest, *failed], cwd=root, check=False).returncode
    if again == PASSED:
        line()
        for one in failed:
            warn(
                f"{one} failed once and then passed. That is a defect: see the first failure above."
            )
    return again


def which(file: Path) -> list[str]:
    """The tests that failed in the last run, as pytest has written them down."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return sorted(str(one) for one in found) if isinstance(found, dict) else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
