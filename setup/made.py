"""The record of the images that set-up pulled or built, and how they are taken away again."""

import json

from setup import engine as engines
from setup import state
from setup.engine_api import Engine, EngineError, Query
from setup.say import SetupError


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
