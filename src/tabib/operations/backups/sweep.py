"""What a backup that was cut off left in a repository: put right by the next one."""

from __future__ import annotations

import structlog

from tabib.model.errors import TabibError
from tabib.operations.backups.kinds.files import FIRST_PASS
from tabib.operations.backups.manifest import MANIFEST, read_manifest, set_of
from tabib.operations.backups.tools import SCOPE
from tabib.operations.tools import Tools
from tabib.ports import Repository

log = structlog.get_logger("tabib.backup")


async def left_unfinished(tools: Tools, project: str) -> bool:
    """Whether the last backup of the project did not end well: it may have left something."""
    entries = await tools.journal.entries(
        engine_id=tools.info.id,
        project=SCOPE + project,
        kinds=("operation_started", "operation_ended"),
        limit=1,
    )
    return bool(entries) and entries[-1].data.get("outcome") != "done"


async def sweep(tools: Tools, repository: Repository, project: str) -> None:
    """Put right what runs of this installation left that were cut off: parts of a set without a
    whole manifest are forgotten; a set whose manifest is stored is a snapshot, and taken into the
    journal where that had no time to.

    Under the lease of the project's backups: no set of it is being made.
    """
    mine = ("tabib", f"project={project}", f"installation={tools.installation}")
    everything = await repository.stored(mine)
    whole = {set_of(one.tags): one.id for one in everything if MANIFEST in one.tags}
    for set_id, manifest in list(whole.items()):
        if await tools.journal.snapshot(set_id) is None:
            found = await read_manifest(repository, manifest)
            if found is None:
                del whole[set_id]
            else:
                await tools.journal.put_snapshot(found.snapshot)
    stray = [
        one.id
        for one in everything
        if FIRST_PASS in one.tags
        or (set_of(one.tags) not in whole and {"part", MANIFEST} & set(one.tags))
    ]
    if stray and not repository.append_only:
        await repository.forget(stray)


async def undo(repository: Repository, set_id: str) -> None:
    """Forget all of a set, its manifest first; what stays is swept by the next run."""
    if repository.append_only:
        return
    try:
        stored = await repository.stored(("tabib", f"set={set_id}"))
        stored.sort(key=lambda one: MANIFEST not in one.tags)
        if stored:
            await repository.forget([one.id for one in stored])
    except TabibError as error:
        log.warning("backup.parts_left", repository=repository.name, why=error.happened)
