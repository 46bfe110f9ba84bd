"""Images under the names that Compose files use: pulled, or built as stand-ins from Debian.

A stand-in takes a registry's name only where nobody can be misled: the tag is absent, no registry
answers, and set-up itself installed or started the engine, or the person says OFFLINE=1.
"""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from setup import engine as engines
from setup import state
from setup.engine_api import Engine, EngineError, Query
from setup.say import SetupError, detail, step

SHOP = ("nginx:1", "python:3.11-slim", "postgres:15", "redis:7")
TESTS = ("busybox:1.36",)
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
        from setup import build  # only here: nobody else needs it

        build.stand_ins(engine, missing)
        result(
            f"{len(missing)} built from Debian's packages ({'OFFLINE=1' if offline else 'no registry answers'})"
        )


def remove() -> list[str]:
    """Remove the images that set-up pulled or built, where nothing uses them. Says what it did."""
    engine = engines.connected()
    if engine is None:
        return []
    here, said = identity(engine), []
    for made in reversed(state.load()["images"]):
        if made["engine"] == here:
            outcome = _remove(engine, made)
            if outcome:
                said.append(outcome)
            if not outcome.startswith("kept"):
                _forget(made)
    return said


def remember(engine: Engine, name: str, how: str) -> None:
    """Record that set-up made or pulled this image."""
    found = engine.image(name)
    if not found:
        raise SetupError(f"the engine lost the image {name}")
    entry = {"engine": identity(engine), "name": name, "id": found["Id"], "how": how}
    with state.change() as record:
        record["images"] = [
            made
            for made in record["images"]
            if (made["engine"], made["name"]) != (entry["engine"], name)
        ] + [entry]


def identity(engine: Engine) -> str:
    """The engine's own id, so that records of two engines are never mixed up."""
    return str(engine.call("GET", "/info")["ID"])


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
    remember(engine, name, "pulled")
    detail(f"pulled {name}")


def _remove(engine: Engine, made: dict[str, str]) -> str:
    """Remove one image if the name still means what set-up made; its other tags go with it."""
    found = engine.image(made["name"])
    if not found or found["Id"] != made["id"]:
        return ""
    used = engine.call("GET", "/containers/json", query=_ancestor(made["id"]))
    if used:
        return f"kept the image {made['name']}: {used[0]['Names'][0].lstrip('/')} uses it"
    ours = [made["name"], *(tag for tag in found["RepoTags"] if tag.startswith("tabib/keep:"))]
    for tag in ours:
        try:
            engine.call("DELETE", f"/images/{tag}", timeout=60)
        except EngineError as error:
            if error.status != 404:
                return f"kept the image {made['name']}: {error}"
    return f"removed the image {made['name']}"


def _ancestor(identity: str) -> Query:
    return [("all", "1"), ("filters", json.dumps({"ancestor": [identity]}))]


def _forget(made: dict[str, str]) -> None:
    with state.change() as record:
        record["images"] = [entry for entry in record["images"] if entry != made]
