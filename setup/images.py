"""Images under the names that Compose files use: pulled, or built as stand-ins from Debian.

A stand-in takes a registry's name only where nobody can be misled: the tag is absent, no registry
answers, and set-up itself installed or started the engine, or the person says OFFLINE=1.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from setup import build, made
from setup import engine as engines
from setup.engine_api import Engine, EngineError
from setup.say import SetupError, detail, step

RESTIC = "restic/restic:0.18.1"
SHOP = ("nginx:1", "python:3.11-slim", "postgres:15", "redis:7", RESTIC)
TESTS = ("busybox:1.36", "mariadb:10.11", "restic/restic:0.14.0")
GROUPS = {"shop": SHOP, "tests": TESTS, "all": SHOP + TESTS}
_PROBE_SECONDS = 6.0
_REFUSALS = ("toomanyrequests", "unauthorized", "denied", "manifest unknown", "not found")


def ensure(engine: Engine, names: Iterable[str]) -> None:
    """Have these images on the engine. Raises SetupError when one cannot be had."""
    with step("images") as result:
        wanted = list(dict.fromkeys(names))
        missing = [name for name in wanted if engine.image(name) is None]
        if not missing:
            result(f"{len(wanted)} present")
            return
        offline = os.environ.get("OFFLINE", "") not in ("", "0")
        if not offline and _registry_answers(engine, missing[0]):
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(lambda name: _pull(engine, name), missing))
            result(f"{len(missing)} pulled")
            return
        if not (offline or engines.is_ours(engine)):
            raise SetupError(
                f"no registry answers, and these images are missing: {', '.join(missing)}",
                "Connect this machine and run it again, or pull them another way; or allow\n"
                "stand-ins built from Debian's packages under these names: OFFLINE=1 make demo",
                5,
            )
        build.stand_ins(engine, missing)
        result(f"{len(missing)} built from Debian's packages")


def _registry_answers(engine: Engine, name: str) -> bool:
    """Whether a registry answers the engine within seconds.

    The engine asks, not we: its mirrors, proxies and certificates are what counts.
    """
    detail("asking the engine whether a registry answers")
    try:
        engine.call("GET", f"/distribution/{name}/json", timeout=_PROBE_SECONDS)
    except EngineError as error:
        # A refusal is an answer too: the pull that follows then says what it is.
        return any(word in str(error).lower() for word in _REFUSALS)
    return True


def _pull(engine: Engine, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    try:
        for _ in engine.stream(
            "POST", "/images/create", query=[("fromImage", repository), ("tag", tag)]
        ):
            pass
    except EngineError as error:
        advice = "docker login, or wait, or OFFLINE=1 to build stand-ins from Debian's packages"
        raise SetupError(f"pulling {name}: {error}", advice, 5) from error
    made.remember(engine, name, "pulled")
    detail(f"pulled {name}")
