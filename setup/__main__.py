"""`python3 -m setup STEP...`: do these steps; independent ones at the same time.

venv       .venv with tabib and its tools
engine     a Docker Engine that answers
images     the shop's and the tests' images (images=shop, images=tests, images=NAME:TAG)
compose    Docker Compose 2.40, to compare with
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from setup import compose_peer, environment, images, state
from setup import engine as engines
from setup.say import SetupError, line, problem


def prepare(steps: Sequence[str]) -> None:
    """Do the steps, in as few seconds as their dependencies allow. Raises SetupError."""
    jobs: list[Callable[[], object]] = []
    wanted = [name for step in steps if step.startswith("images") for name in _images(step)]
    with state.alone():
        if "venv" in steps:
            jobs.append(environment.ensure)
        if wanted:
            jobs.append(lambda: images.ensure(engines.ensure(), wanted))
        elif "engine" in steps:
            jobs.append(engines.ensure)
        if "compose" in steps:
            jobs.append(compose_peer.ensure)
        with ThreadPoolExecutor(max(1, len(jobs))) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()


def _images(step: str) -> tuple[str, ...]:
    group = step.partition("=")[2] or "all"
    return images.GROUPS.get(group) or (group,)


def main(arguments: Sequence[str]) -> int:
    """The command line: 0 done, 2 wrong usage, else what SetupError says."""
    known = [name for name in arguments if name.partition("=")[0] in _STEPS]
    if not arguments or len(known) < len(arguments):
        print(__doc__, file=sys.stderr)
        return 2
    begun = time.monotonic()
    try:
        prepare(arguments)
    except SetupError as error:
        problem(error)
        return error.code
    except KeyboardInterrupt:
        line("stopped; run it again to go on")
        return 130
    line(f"  set up in {time.monotonic() - begun:.1f} s")
    return 0


_STEPS = ("venv", "engine", "images", "compose")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
