"""A database's own copy, streamed into the repository and kept only if it is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from tabib.model.backup import DATABASE, Dataset, Part, Saved
from tabib.operations.backups.kinds.kind import Copying
from tabib.operations.backups.kinds.programs import Dump, Ran, failure


async def keep(
    work: Copying, dataset: Dataset, dump: Dump, *, filename: str, end: bytes, advice: str = ""
) -> Saved:
    """Store what ``dump`` writes, if it ends well and its last 1 KiB has ``end``.

    :raises Damaged: its program says that the data is damaged; nothing is stored.
    :raises CopyFailed: it failed for another reason, or was cut off; nothing is stored.
    """

    async def whole() -> AsyncIterator[bytes]:
        async for chunk in dump.chunks():
            yield chunk
        ran = await dump.ended()
        if ran.exit_code == 0 and end not in dump.last:
            ran = Ran(exit_code=1, stdout=b"", stderr="error: what it wrote has no end")
        if ran.exit_code:
            raise failure(ran, attempted="back up", target=dataset.name, advice=advice)

    return await work.repository.save_stream(
        whole(), filename=filename, tags=work.tags, progress=work.progress
    )


def part_of(
    work: Copying,
    dataset: Dataset,
    saved: Saved,
    *,
    form: str,
    filename: str,
    taken_at: datetime,
) -> Part:
    """The part that ``saved`` is, of a running container; its record is still to come."""
    container = work.container
    assert container is not None
    return Part(
        dataset=dataset,
        stored=saved.id,
        form=form,
        path=f"/{filename}",
        consistency=DATABASE,
        taken_at=taken_at,
        ended_at=work.tools.clock.now(),
        image=container.image,
        image_id=container.image_id,
        size_bytes=saved.size_bytes,
        added_bytes=saved.added_bytes,
    )
