"""The second witness: the database's own checker on a copy of files that its service is not using.

The copy is a scratch volume of the engine, made by a helper container beside the data. The original
is mounted read-only and never touched: a checker replays logs and writes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from tabib.model.backup import Dataset, Place
from tabib.model.container import LABEL_OWNER, Mount, VolumeSpec
from tabib.model.errors import Conflict, TabibError
from tabib.model.oneshot import LABEL_HELPER, OneShot
from tabib.model.plan import Step, Verb
from tabib.operations.backups.kinds import KINDS, Examined
from tabib.operations.backups.kinds.programs import converse
from tabib.operations.tools import Tools
from tabib.ports.uninterrupted import uninterrupted

log = structlog.get_logger("tabib.data")

PURPOSE = "examine"
WITHIN_S = 1800.0
"""Copying and checking a large database takes its time; it is down meanwhile."""
_TRIES, _AGAIN_S = 5, 1.0
_FROM, _TO = "/tabib-from", "/tabib-to"


async def examine(tools: Tools, dataset: Dataset, image: str) -> Examined:
    """What the checker of its kind says of a copy; trouble on the way is no answer."""
    kind = KINDS.get(dataset.kind)
    if kind is None:
        return Examined(sound=None, text=f"there is no checker for {dataset.kind}")
    await sweep(tools)
    name = f"tabib-{PURPOSE}-{tools.new_id()}"
    copy = Place(type="volume", source=name)
    try:
        async with asyncio.timeout(WITHIN_S):
            await _create(tools, name)
            helper = tools.backups.settings.image if tools.backups else image
            failed = await _copy(tools, dataset.place, copy, helper)
            if failed:
                return Examined(sound=None, text=f"it could not be copied: {failed}")
            return await kind.examine(tools, copy, dataset, image)
    except TimeoutError:
        return Examined(sound=None, text=f"it took longer than {WITHIN_S:g} s")
    except TabibError as error:
        return Examined(sound=None, text=error.happened)
    finally:
        await uninterrupted(_remove(tools, name))


async def sweep(tools: Tools) -> None:
    """Remove copies that a dead daemon of this installation left."""
    with suppress(TabibError):
        seen = await tools.engine.observe(detail=False)
        for one in seen.volumes:
            if one.labels.get(LABEL_HELPER) == PURPOSE and (
                one.labels.get(LABEL_OWNER) == tools.installation
            ):
                await _remove(tools, one.name)


async def _create(tools: Tools, name: str) -> None:
    labels = {LABEL_HELPER: PURPOSE, LABEL_OWNER: tools.installation}
    spec = VolumeSpec(name=name, labels=labels)
    await tools.engine.apply(_step(Verb.CREATE_VOLUME, name, volume=spec))


async def _copy(tools: Tools, source: Place, target: Place, image: str) -> str:
    """Copy everything; what went wrong, or ``""``."""
    spec = OneShot(
        purpose=PURPOSE,
        image=image,
        argv=("sh", "-c", f"cp -a {_FROM}/. {_TO}/"),
        mounts=(
            Mount(type=source.type, source=source.source, target=_FROM, read_only=True),
            Mount(type=target.type, source=target.source, target=_TO),
        ),
        user="0:0",
        capabilities=("CHOWN", "DAC_OVERRIDE", "FOWNER", "DAC_READ_SEARCH", "FSETID"),
    )
    async with tools.engine.start_one_shot(spec) as process:
        ran = await converse(process, None)
    return "" if ran.exit_code == 0 else (ran.stderr.strip() or f"exit code {ran.exit_code}")[-300:]


async def _remove(tools: Tools, name: str) -> None:
    for left in range(_TRIES, 0, -1):
        try:
            await tools.engine.apply(_step(Verb.REMOVE_VOLUME, name))
            return
        except Conflict as error:
            # The engine may still be removing the container that used it.
            if left == 1:
                log.warning("examine.copy_left", volume=name, why=str(error))
            else:
                await tools.clock.sleep(_AGAIN_S)
        except TabibError as error:
            log.warning("examine.copy_left", volume=name, why=str(error))
            return


def _step(verb: Verb, name: str, volume: VolumeSpec | None = None) -> Step:
    return Step(
        id=f"{verb.value}:{name}",
        verb=verb,
        subject=f"volume {name}",
        reason="a copy to examine",
        target=name,
        volume=volume,
    )
