"""Whether an operation may act: one owner per engine, one folder per project name."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from tabib.model import container as c
from tabib.model.container import Observed
from tabib.model.errors import OwnedElsewhere, Refused, StateUnusable
from tabib.model.project import Project
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.owner")

OWNER_LABEL = "tabib.installation"
OWNER_VOLUME = "tabib_owner"


async def find_owner(tools: Tools) -> None:
    """Look who owns the engine now: another installation may have come, or let go."""
    observed = await tools.engine.observe(detail=False)
    claims = [one.labels for one in observed.volumes if one.name == OWNER_VOLUME]
    labels = dict(claims[0]) if claims else {}
    tools.ownership.owner = labels.get(OWNER_LABEL, "")
    tools.ownership.labels = labels


async def keep_owning(tools: Tools) -> None:
    """Look who owns the engine; where nobody does and projects are in this installation's care
    (somebody pruned volumes), claim it again, unless another is quicker or the disk is full.
    """
    await find_owner(tools)
    if not tools.ownership.owner and await tools.journal.all_care(tools.info.id):
        try:
            await claim(tools, "care for", tools.info.endpoint)
        except (OwnedElsewhere, StateUnusable) as error:
            log.warning("owner.not_claimed", why=str(error))


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
    if tools.ownership.owner not in ("", tools.installation):
        await find_owner(tools)
    tools.require_act(attempted, target)
    # Asked each time: to claim what is ours changes nothing, and it may be ours no more.
    labels = {
        OWNER_LABEL: tools.installation,
        "tabib.hostname": socket.gethostname(),
        "tabib.state-dir": str(tools.state.path),
    }
    async with tools.ownership.changing:
        actual = dict(await tools.engine.claim(labels))
    tools.ownership.owner = actual.get(OWNER_LABEL, "")
    tools.ownership.labels = actual
    tools.require_act(attempted, target)


async def let_go(tools: Tools) -> None:
    """Give the ownership back once nothing on the engine is in this installation's care and
    none of its operations acts."""
    if tools.ownership.owner != tools.installation:
        return
    async with tools.ownership.changing:
        if tools.ownership.acting or await tools.journal.all_care(tools.info.id):
            return
        await tools.engine.unclaim()
        tools.ownership.owner = ""
        tools.ownership.labels = {}


@asynccontextmanager
async def owning(
    tools: Tools, attempted: str, target: str, *, dry_run: bool = False
) -> AsyncIterator[None]:
    """Own the engine while the block acts; afterwards only if something is in care.

    A dry run acts on nothing, and claims nothing.

    :raises OwnedElsewhere: as :func:`claim`.
    """
    if dry_run:
        yield
        return
    tools.ownership.acting += 1
    try:
        await claim(tools, attempted, target)
        yield
    finally:
        tools.ownership.acting -= 1
        await asyncio.shield(let_go(tools))


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
