"""Images in the repository, where a person asked for that: for the day the registry is gone."""

from __future__ import annotations

from collections.abc import Mapping

from tabib.model.errors import TabibError
from tabib.model.release import Release
from tabib.operations.backups.manifest import read_tag
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.ports import Repository

TAG = "image"
FILE = "image.tar"


async def store(
    tools: Tools, repository: Repository, release: Release, operation: Operation
) -> list[str]:
    """Store the images of a release that are not stored yet; their references.

    An image is known by its id: one that several projects or releases use is there once.
    """
    there = await stored(repository)
    kept = []
    for identity in release.images.values():
        id = identity.image_id
        if not id or id in there:
            continue
        operation.note(f"keeping image {identity.reference} in {repository.name}")
        saved = await repository.save_stream(
            tools.engine.export_image(identity.reference),
            filename=FILE,
            tags=("tabib", TAG, f"image={id}", f"reference={identity.reference}"),
        )
        there[id] = saved.id
        kept.append(identity.reference)
    return kept


async def stored(repository: Repository) -> dict[str, str]:
    """Image id → where it is stored."""
    found = await repository.stored(("tabib", TAG))
    return {read_tag(one.tags, "image"): one.id for one in found}


async def load(
    tools: Tools, repository: Repository, release: Release, where: Mapping[str, str], *, all_: bool
) -> list[str]:
    """Load the images of a release that are stored and not on the engine (``all_``: even where
    another image has the name); their references."""
    wanted = {one.reference: one.image_id for one in release.images.values() if one.image_id}
    seen = await tools.engine.observe(images=tuple(wanted), detail=False)
    loaded = []
    for reference, id in wanted.items():
        present = seen.images.get(reference)
        if id not in where or (present is not None and (present.id == id or not all_)):
            continue
        await tools.engine.load_image(repository.read(where[id], f"/{FILE}"))
        loaded.append(reference)
    return loaded


async def can_be_had(tools: Tools, reference: str, digest: str) -> str:
    """``""`` where the registry has the image; else why not."""
    try:
        await tools.engine.registry_digest(digest or reference, timeout_s=5.0)
    except TabibError as error:
        return error.happened
    return ""
