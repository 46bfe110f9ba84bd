"""The steps of set-up, in as few seconds as their dependencies allow."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from setup import compose_peer, environment, images, state
from setup import engine as engines
from setup.say import SetupError, problem

STEPS = ("venv", "engine", "images", "compose")


def prepare(steps: Sequence[str]) -> None:
    """Do the steps; `images=GROUP` or `images=NAME:TAG` narrows images. Raises SetupError."""
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
            running = [pool.submit(job) for job in jobs]
        failures = [error for done in running if (error := done.exception())]
        for error in failures[1:]:
            if isinstance(error, SetupError):
                problem(error)
        if failures:
            raise failures[0]


def _images(step: str) -> tuple[str, ...]:
    group = step.partition("=")[2] or "all"
    return images.GROUPS.get(group) or (group,)
