"""``adopt`` and ``disown``: take a running Compose project into care, and let it go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.decide.images import identities
from tabib.decide.releases import next_number
from tabib.model import container as c
from tabib.model.codec import builtins
from tabib.model.container import ContainerState, Observed
from tabib.model.errors import UsageError
from tabib.model.project import Service
from tabib.model.release import CareRecord, JournalEntry, Release
from tabib.model.wire import AdoptRequest
from tabib.operations.closing import abandon_all
from tabib.operations.guard import owning
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.stores.seal import seal_inspection


async def adopt(
    tools: Tools, name: str, request: AdoptRequest, operation: Operation
) -> Mapping[str, Any]:
    """Take the project's containers into care as they are; nothing is recreated or restarted.

    The desired state is each container's inspection now; the Compose file is read at ``up``.

    :raises UsageError: there is no such project, or the mode is unknown.
    """
    if request.mode not in ("act", "advise", "observe"):
        raise UsageError(
            f"unknown care mode {request.mode}",
            attempted="adopt",
            target=name,
            advice="Use act, advise or observe.",
        )
    async with (
        owning(tools, "adopt", name, dry_run=request.dry_run),
        lease(tools, name, operation),
    ):
        observed = await tools.engine.observe(name, detail=False)
        mine = [one for one in observed.containers if one.project == name and not one.oneoff]
        if not mine:
            raise UsageError(
                "there is no such Compose project on this engine",
                attempted="adopt",
                target=name,
                advice="`tabib ls -a` lists the projects.",
            )
        if not request.dry_run:
            await _record(tools, name, mine, request)
    return {
        "project": name,
        "containers": [one.name for one in mine],
        "mode": request.mode,
        "changed": True,
        "dry_run": request.dry_run,
    }


async def _record(
    tools: Tools, name: str, mine: list[ContainerState], request: AdoptRequest
) -> None:
    now = tools.clock.now()
    refs = tuple(dict.fromkeys(one.image for one in mine))
    looked: Observed = await tools.engine.observe(name, images=refs, detail=False)
    services = [Service(name=o.service, spec={}, config_hash="", image=o.image) for o in mine]
    earlier = await tools.journal.releases(tools.info.id, name)
    inspections = {
        one.name: dict(await seal_inspection(await tools.engine.inspect(one.id), tools.vault))
        for one in mine
    }
    release = Release(
        number=next_number(earlier),
        project=name,
        engine_id=tools.info.id,
        cluster=tools.cluster,
        created_at=now,
        by=request.by,
        reason="adopted",
        config_hash="",
        model={"adopted": inspections},
        images=identities(services, looked.images),
        verdict="adopted",
    )
    await tools.journal.put_release(release)
    labels = mine[0].labels
    await tools.journal.put_care(
        CareRecord(
            engine_id=tools.info.id,
            project=name,
            endpoint=builtins(tools.address),
            mode=request.mode,
            working_dir=labels.get(c.LABEL_WORKING_DIR, ""),
            files=tuple(f for f in labels.get(c.LABEL_CONFIG_FILES, "").split(",") if f),
            release=release.number,
            adopted=True,
            halted={one.name: "stopped" for one in mine if one.status in ("exited", "created")},
            updated_at=now,
        )
    )
    if tools.backups is not None:
        tools.backups.changed.set()
    await tools.journal.append(
        JournalEntry(
            at=now,
            kind="care",
            engine_id=tools.info.id,
            project=name,
            subject=name,
            data={"what": "adopted", "mode": request.mode, "by": request.by},
        )
    )


async def disown(tools: Tools, name: str, operation: Operation) -> Mapping[str, Any]:
    """Let the project go: nothing is stopped, its releases and incidents stay readable.

    :raises UsageError: it is not in care.
    """
    async with owning(tools, "disown", name), lease(tools, name, operation):
        record = await tools.journal.care(tools.info.id, name)
        if record is None:
            raise UsageError(
                "this project is not in care",
                attempted="disown",
                target=name,
                advice="`tabib ls` shows which projects are.",
            )
        await abandon_all(tools, name)
        await tools.journal.remove_care(tools.info.id, name)
        for seen in await tools.journal.last_seen(tools.info.id, name):
            await tools.journal.forget_last_seen(tools.info.id, seen.container_id)
    return {"project": name, "mode": "observe"}
