"""Whether an operation may act: one owner per engine, one folder per project name."""

from __future__ import annotations

import socket
from pathlib import Path

from tabib.model import container as c
from tabib.model.container import Observed
from tabib.model.errors import OwnedElsewhere, Refused
from tabib.model.project import Project
from tabib.operations.tools import Tools

OWNER_LABEL = "tabib.installation"


async def claim(tools: Tools, attempted: str, target: str) -> None:
    """Make this installation the engine's owner, or refuse to act. Idempotent.

    :raises OwnedElsewhere: another installation owns the engine, or a living daemon of this one.
    :raises StateUnusable: there is no room to record what would be done.
    """
    if tools.ownership.refused:
        raise OwnedElsewhere(
            tools.ownership.refused,
            attempted=attempted,
            target=target,
            advice="Leave --no-daemon out: the daemon that runs does it.",
        )
    tools.require_act(attempted, target)
    if tools.ownership.owner != tools.installation:
        labels = {
            OWNER_LABEL: tools.installation,
            "tabib.hostname": socket.gethostname(),
            "tabib.state-dir": str(tools.state.path),
        }
        actual = dict(await tools.engine.claim(labels))
        tools.ownership.owner = actual.get(OWNER_LABEL, "")
        tools.ownership.labels = actual
    tools.require_act(attempted, target)


async def let_go(tools: Tools) -> None:
    """Give the ownership back once nothing on the engine is in this installation's care."""
    if tools.ownership.owner != tools.installation:
        return
    if await tools.journal.all_care(tools.info.id):
        return
    await tools.engine.unclaim()
    tools.ownership.owner = ""
    tools.ownership.labels = {}


def same_project(project: Project, observed: Observed) -> None:
    """A project is (engine, name): the same name from another folder is another project.

    :raises Refused: the name is taken by a project whose first Compose file still exists, and
        which has no service in common with this one.
    """
    running = [one for one in observed.containers if one.project == project.name and not one.oneoff]
    services = {one.service for one in running}
    if not services or services & {*project.services, *project.disabled}:
        return
    folder = running[0].labels.get(c.LABEL_WORKING_DIR, "")
    first = running[0].labels.get(c.LABEL_CONFIG_FILES, "").split(",")[0]
    if folder == project.working_dir or first in project.files or not Path(first).is_file():
        return
    raise Refused(
        f"a project named {project.name} already runs from {folder}",
        attempted="bring up",
        target=f"{project.name} from {project.working_dir}",
        advice=(
            "Give this one another name (-p NAME, or `name:` in the file), or take the other "
            f"down first: tabib -f {first} down"
        ),
        details={"other": folder, "file": first},
    )


async def take_over(tools: Tools) -> None:
    """Become the owner of an engine that another installation owns: a person asked for it."""
    if tools.ownership.owner and tools.ownership.owner != tools.installation:
        await tools.engine.unclaim()
        tools.ownership.owner = ""
    await claim(tools, "take over", tools.info.endpoint)
