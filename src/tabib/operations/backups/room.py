"""Room for what is fetched from a repository, looked at before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tabib.decide.backups.restore import Source
from tabib.decide.backups.room import Need, too_small
from tabib.host.disk import room
from tabib.model.backup import Dataset, Snapshot
from tabib.model.container import Observed
from tabib.model.errors import StateUnusable
from tabib.operations.tools import Tools


def enough_room(
    tools: Tools,
    snapshot: Snapshot,
    from_: Sequence[Source],
    *,
    observed: Observed | None = None,
    attempted: str = "restore snapshot",
) -> None:
    """
    ``observed``: each data set is written beside where it lies now; None: all to the state folder.
    Of an engine elsewhere nothing is known.

    :raises StateUnusable: the copy would not fit.
    """
    if not tools.info.local:
        return
    needs = []
    for one in from_:
        beside = tools.state.path
        if observed is not None:
            beside = _there(_beside(one.dataset, observed) or beside)
        needs.append(
            Need(
                disk=beside.stat().st_dev,
                path=str(beside),
                bytes=one.part.size_bytes,
                free_bytes=room(beside).free_bytes,
            )
        )
    small = too_small(needs)
    if small:
        worst = small[0]
        raise StateUnusable(
            f"it takes {worst.bytes:,} bytes, and {worst.free_bytes:,} are free",
            attempted=attempted,
            target=snapshot.id,
            advice=f"Free space on the disk of {worst.path}, then try again.",
            details={
                "code": "full",
                "needed_bytes": worst.bytes,
                "free_bytes": worst.free_bytes,
                "path": worst.path,
            },
        )


def _beside(dataset: Dataset, observed: Observed) -> Path | None:
    """Where a new place for it is made, but in the state folder."""
    if dataset.place.type == "bind":
        return Path(dataset.place.source).parent
    present = next((one for one in observed.volumes if one.name == dataset.place.source), None)
    if dataset.generation is not None or present is None or not present.mountpoint:
        return None
    folder = Path(present.mountpoint)
    return folder if folder.is_dir() else None  # the engine's folders may not be seen from here


def _there(folder: Path) -> Path:
    """It, or the nearest above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())
