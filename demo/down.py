"""`make demo-down`: takes away what set-up and demo recorded that they made, and nothing else."""

import json
from typing import Any

from setup import engine as engines
from setup import made as made_here
from setup import state
from setup.engine_api import Engine, EngineError
from setup.say import SetupError, detail, line, warn

from demo import command
from demo.shop import FOLDER, PROJECT, containers, working_dir

_OWNER_VOLUME = "tabib_owner"
_CARED = ("act", "advise")


def take_away() -> None:
    """Remove the shop, the images, then stop the engine, each only if it was made here."""
    record = state.load()
    if not any((record["shop"], record["images"], record["engine"])):
        line("  nothing is recorded as made by set-up: nothing to do")
        return
    engine = engines.connected()
    if engine is None:
        warn("the engine that was used does not answer; what is on it stays recorded")
    else:
        if record["shop"].get("engine") == made_here.identity(engine):
            _shop(engine, record["shop"])
        for said in made_here.remove():
            detail(said)
        _engine(engine)
    _what_stays()


def _shop(engine: Engine, made: dict[str, Any]) -> None:
    if command.TABIB.exists():
        try:
            words = ("down", "-v", "--yes", "-f", str(command.COMPOSE_FILE))
            command.show(*words, extra={"SHOP_PORT": str(made["port"])})
        except SetupError as error:
            warn(f"{error}; going on without tabib")
    # What is left: where tabib is gone, or could not.
    for found in containers(engine):
        if working_dir(found) == str(FOLDER):
            engine.call("DELETE", f"/containers/{found['Id']}", query=[("force", "1"), ("v", "1")])
            detail(f"removed the container {found['Names'][0].lstrip('/')}")
    if containers(engine):
        warn("containers of another project named shop are there: its network and volume stay")
        return
    _remove_named(engine)
    _daemon(engine, made)
    with state.change() as record:
        record["shop"] = {}


def _remove_named(engine: Engine) -> None:
    filters = [("filters", json.dumps({"label": ["com.docker.compose.project=shop"]}))]
    networks = engine.call("GET", "/networks", query=filters)
    volumes = engine.call("GET", "/volumes", query=filters).get("Volumes") or []
    paths = [f"/networks/{found['Id']}" for found in networks]
    paths += [f"/volumes/{found['Name']}" for found in volumes]
    for path in paths:
        try:
            engine.call("DELETE", path)
        except EngineError as error:
            warn(f"kept {path.strip('/')}: {error}")


def _daemon(engine: Engine, made: dict[str, Any]) -> None:
    """Stop the daemon if the demo started it and it cares for nothing else."""
    if not made.get("daemon") or not command.TABIB.exists():
        return
    try:
        others = [row["project"] for row in command.ask("ls", "-a") if row.get("care") in _CARED]
        if set(others) - {PROJECT}:
            detail(f"tabib's daemon goes on: it cares for {', '.join(sorted(others))}")
            return
        command.show("daemon", "stop")
        engine.call("DELETE", f"/volumes/{_OWNER_VOLUME}")
    except EngineError as error:
        if error.status != 404:
            warn(f"kept the volume {_OWNER_VOLUME}: {error}")
    except SetupError as error:
        warn(f"{error}")


def _engine(engine: Engine) -> None:
    if not state.load()["engine"]:
        return
    running = engine.call("GET", "/containers/json")
    if running:
        names = ", ".join(found["Names"][0].lstrip("/") for found in running[:5])
        warn(f"the engine goes on: containers that are not the demo's run on it ({names})")
        return
    if said := engines.stop():
        detail(said)


def _what_stays() -> None:
    packages = state.load()["packages"]
    line("  ✓ taken away. What stays: .venv and .cache here, tabib's records and kept data")
    if packages:
        detail(f"packages that were installed: {' '.join(packages)}")
        detail(f"to remove them too: apt-get remove {' '.join(packages)}")
