"""What stories of care share: a shop, and what to ask of it."""

from __future__ import annotations

from support.projects import HEALTHY, after, project, service
from support.site import Daemon, House
from tabib.engines.memory import Program
from tabib.model.container import ContainerState
from tabib.model.incident import Incident
from tabib.model.project import Project

WEB = service("web", anonymous=["/cache"], ports=[8001])
ALONE = project(WEB)
DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
SHOP = project(DB, service("api", depends_on=after("db", condition=HEALTHY), check=True), WEB)
DIES = Program(exit_code=1, after_s=20.0)
ONCE = (DIES, Program())
CALM_S = 90.0


async def only_incident(daemon: Daemon, outcome: str = "") -> Incident:
    found = await daemon.incidents()
    assert len(found) == 1, [(one.container, one.cause.code, one.outcome) for one in found]
    assert not outcome or found[0].outcome == outcome, found[0]
    return found[0]


async def look(daemon: Daemon, name: str) -> ContainerState:
    return await daemon.tools.engine.look(name)


async def settled(daemon: Daemon, project: Project = ALONE) -> None:
    """It is up, and has been for long enough to be on record."""
    await daemon.up(project)
    await daemon.passes(5)


async def halted(daemon: Daemon, name: str) -> str:
    """Why the container shall not run, by the care record."""
    return (await daemon.care("tale")).halted.get(name, "")


def acted(incident: Incident) -> bool:
    """Whether anything was done about it."""
    return any(one.outcome not in ("offered", "refused") for one in incident.treatments)


def dead(house: House, name: str, deaths: int) -> bool:
    """Whether the container has died that often."""
    found = [e for e in house.world.events.log if e.name == name and e.action == "die"]
    return len(found) >= deaths
