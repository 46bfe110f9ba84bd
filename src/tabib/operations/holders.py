"""Who is in the way: a port that is taken is reported with the name of its holder."""

from __future__ import annotations

import asyncio

from tabib.host.ports import port_holder
from tabib.model.errors import PortTaken, TabibError
from tabib.operations.tools import Tools


async def with_holder(tools: Tools, error: PortTaken) -> PortTaken:
    """The same error, naming the container or process that holds the port where it can be seen."""
    port = int(error.details.get("port") or 0)
    protocol = str(error.details.get("protocol") or "tcp")
    if not port:
        return error
    holder = await _container(tools, port, protocol) or await _process(tools, error, port, protocol)
    if not holder:
        return error
    return PortTaken(
        f"port {port}/{protocol} is taken by {holder}",
        attempted=error.attempted,
        target=error.target,
        advice="Publish another port, or stop what holds this one; then run `tabib up` again.",
        details={**error.details, "holder": holder},
    )


async def _container(tools: Tools, port: int, protocol: str) -> str:
    try:
        observed = await tools.engine.observe(detail=False)
    except TabibError:
        return ""
    for one in observed.containers:
        if any(p.host_port == port and p.protocol == protocol for p in one.ports):
            whose = f" of project {one.project}" if one.project else ""
            return f"container {one.name}{whose}"
    return ""


async def _process(tools: Tools, error: PortTaken, port: int, protocol: str) -> str:
    if not tools.info.local:
        return ""
    address = str(error.details.get("address") or "")
    found = await asyncio.to_thread(port_holder, port, protocol, address)
    return str(found) if found else ""
