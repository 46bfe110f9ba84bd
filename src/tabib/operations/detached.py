"""A container that runs and was detached from a network which its file gives it."""

from __future__ import annotations

from tabib.decide.verdict import TROUBLE, Kind, Verdict
from tabib.model.container import RUNNING
from tabib.model.errors import NotFound
from tabib.model.event import Event
from tabib.operations.facts import Cared, Ward
from tabib.operations.remedy import missing_networks
from tabib.operations.tools import Tools

SETTLES_S = 2.0
"""Every container that ends is detached first; and who replaces one may attach it again."""


async def detached(tools: Tools, ward: Ward, event: Event) -> tuple[Cared, Verdict] | None:
    """What a ``disconnect`` of a network means; None where it is no trouble.

    As with a removal of what runs (``rm -f``), nobody stops using a network that way on purpose:
    the file still says that it is used, and others look for it there.

    :raises TabibError: the engine does not answer.
    """
    await tools.clock.sleep(SETTLES_S)
    try:
        state = await tools.engine.look(event.attributes.get("container", ""))
    except NotFound:
        return None
    if state.status not in RUNNING or not state.project or state.oneoff:
        return None
    if tools.actions.busy(state.project):
        return None
    cared = await ward.get(state.project)
    if cared is None or event.name not in missing_networks(cared, state.service, state):
        return None
    verdict = Verdict(
        kind=Kind.DETACHED,
        reason=f"it runs, and was detached from its network {event.name}",
        container_id=state.id,
        container=state.name,
        service=state.service,
        slot=state.slot,
        trigger=TROUBLE[Kind.DETACHED],
    )
    return cared, verdict
