"""Small work on the files of a place, in a helper container of the data's own image."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tabib.model.backup import Dataset, Place
from tabib.model.container import LABEL_OWNER, Mount, Observed
from tabib.model.errors import CopyFailed
from tabib.model.oneshot import OneShot
from tabib.operations.backups.kinds.programs import Ran, converse, failure
from tabib.operations.tools import Tools

AT = "/tabib-place"
"""Where scripts find the place."""
_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")


async def at_place(
    tools: Tools,
    image: str,
    place: Place,
    script: str,
    *arguments: str,
    chunks: AsyncIterator[bytes] | None = None,
    read_only: bool = False,
    purpose: str = "restore",
    user: str = "0:0",
) -> Ran:
    """Run ``script`` by the image's shell, as root usually, with the place at :data:`AT`;
    ``chunks`` are its input.

    :raises ImageUnavailable: the image is not on the engine.
    """
    spec = OneShot(
        purpose=purpose,
        image=image,
        argv=("sh", "-c", script, "sh", *arguments),
        mounts=(Mount(type=place.type, source=place.source, target=AT, read_only=read_only),),
        user=user,
        capabilities=_RIGHTS,
        stdin=chunks is not None,
        labels={LABEL_OWNER: tools.installation},
    )
    async with tools.engine.start_one_shot(spec) as process:
        return await converse(process, chunks)


async def must(
    tools: Tools, image: str, place: Place, script: str, *arguments: str, attempted: str
) -> Ran:
    """As :func:`at_place`, where failing is an error.

    :raises CopyFailed: the script failed.
    """
    ran = await at_place(tools, image, place, script, *arguments)
    if ran.exit_code:
        raise failure(ran, attempted=attempted, target=place.source)
    return ran


async def host_path(tools: Tools, place: Place, seen: Observed | None = None) -> str:
    """Where the daemon itself finds the place's files; ``""``: they are not on this machine.
    ``seen``: what the engine has, where that was looked at."""
    if not tools.info.local:
        return ""
    if place.type == "bind":
        return place.source
    seen = seen or await tools.engine.observe(detail=False)
    for volume in seen.volumes:
        if volume.name == place.source:
            device = volume.options.get("device", "")
            if "bind" in volume.options.get("o", "").split(",") and device.startswith("/"):
                return device  # mounted at its mountpoint only while a container has it
            return volume.mountpoint if not volume.options.get("type") else ""
    return ""


def same_image(dataset: Dataset, major: str, found: str) -> None:
    """
    :raises CopyFailed: the copy is of another major version than the image.
    """
    if major and found and major != found:
        raise CopyFailed(
            f"the copy is of version {major}, and the service's image is of version {found}",
            attempted="restore",
            target=dataset.name,
            advice=f"Restore with an image of version {major}, then upgrade the database.",
            details={"copy": major, "image": found},
        )
