"""The steps of set-up, in as few seconds as their dependencies allow."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from setup import compose_peer, environment, images, state
from setup import engine as engines

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
            for done in [pool.submit(job) for job in jobs]:
                done.result()


def _images(step: str) -> tuple[str, ...]:
    group = step.partition("=")[2] or "all"
    return images.GROUPS.get(group) or (group,)
