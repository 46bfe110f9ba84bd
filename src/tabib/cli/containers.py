"""Finding the one container that a command means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tabib.model.errors import NotFound

if TYPE_CHECKING:
    from tabib.client.api import Client


def container_of(
    client: Client, project: str, service: str, index: int | None, *, stopped: bool = False
) -> Mapping[str, Any]:
    """The row of slot ``index`` of ``service``, else its first.

    :raises NotFound: there is none (running, unless ``stopped``).
    """
    query = {"project": project, "service": service, "all": stopped}
    rows = [row for row in client.get("/v1/containers", query) if not row.get("oneoff")]
    if not stopped:
        rows = [row for row in rows if row.get("state") in ("running", "paused")]
    if index is not None:
        rows = [row for row in rows if int(row.get("slot") or 0) == index]
    if not rows:
        which = f"{service} #{index}" if index is not None else service
        state = "has no container" if stopped else "does not run"
        raise NotFound(
            f"it {state} in project {project}",
            attempted="find a container of",
            target=which,
            advice=f"See `tabib ps -a`, or start it with `tabib up {service}`.",
        )
    first: Mapping[str, Any] = min(rows, key=lambda row: int(row.get("slot") or 0))
    return first
