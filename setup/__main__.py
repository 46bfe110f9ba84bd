"""`python3 -m setup STEP...`: do these steps; independent ones at the same time.

venv       .venv with tabib and its tools
engine     a Docker Engine that answers
images     the shop's and the tests' images (images=shop, images=tests, images=NAME:TAG)
compose    Docker Compose 2.40, to compare with
"""

import sys
import time
from collections.abc import Sequence

from setup.say import SetupError, line, problem
from setup.steps import STEPS, prepare


def main(arguments: Sequence[str]) -> int:
    """The command line: 0 done, 2 wrong usage, else what SetupError says."""
    if not arguments or any(name.partition("=")[0] not in STEPS for name in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    begun = time.monotonic()
    try:
        prepare(arguments)
    except SetupError as error:
        problem(error)
        return error.code
    except KeyboardInterrupt:
        line("  stopped; run it again to go on")
        return 130
    line(f"  set up in {time.monotonic() - begun:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
