"""The content of a volume or folder that cannot be exchanged as a whole: copied aside, then
overwritten, by helpers beside it. Each copy is compared byte by byte before anything goes."""

from __future__ import annotations

from tabib.model.backup import Place
from tabib.model.container import LABEL_OWNER, Mount
from tabib.model.errors import Damaged, StartFailed
from tabib.model.oneshot import OneShot
from tabib.operations.backups.kinds.programs import converse
from tabib.operations.backups.prepared import Prepared
from tabib.operations.tools import Tools

_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "MKNOD", "SETFCAP")
_EMPTY = "find /to -mindepth 1 -maxdepth 1 -exec rm -rf {} +"
_COPY = "cp -a /from/. /to/"
_DIGEST = (
    "cd {at} && {{ find . -type f -print0 | xargs -0 -r sha256sum"
    " && find . -print0 | xargs -0 -r stat -c '%n %f %u:%g'; }} | sort | sha256sum"
)


async def set_aside(tools: Tools, note: Prepared) -> None:
    """Make the volume ``note.kept`` the same as what is to be replaced. Idempotent.

    :raises Damaged: the copy is not the same.
    """
    source, target = _old(note), Place(type="volume", source=note.kept)
    await _copied(tools, note, source, target)


async def overwrite(tools: Tools, note: Prepared) -> None:
    """Make what is to be replaced the same as the volume ``note.aside``. Idempotent; until it has
    ended nothing must run on it.

    :raises Damaged: the copy is not the same.
    """
    await _copied(tools, note, Place(type="volume", source=note.aside), _old(note))


def _old(note: Prepared) -> Place:
    return Place(type=note.place_type, source=note.path)


async def _copied(tools: Tools, note: Prepared, source: Place, target: Place) -> None:
    """Everything, with owners, modes and times."""
    await _run(tools, note, f"{_EMPTY} && {_COPY}", source, target)
    before = await _run(tools, note, _DIGEST.format(at="/from"), source, target)
    after = await _run(tools, note, _DIGEST.format(at="/to"), source, target)
    if before != after:
        raise Damaged(
            "the copy differs from what was copied",
            attempted="copy",
            target=f"{source.source} to {target.source}",
            advice="Nothing that has no other copy was removed. Look at the disk, then try again.",
        )


async def _run(tools: Tools, note: Prepared, script: str, source: Place, target: Place) -> str:
    spec = OneShot(
        purpose="restore",
        image=note.image,
        argv=("sh", "-c", script),
        mounts=(
            Mount(type=source.type, source=source.source, target="/from", read_only=True),
            Mount(type=target.type, source=target.source, target="/to"),
        ),
        user="0:0",
        capabilities=_RIGHTS,
        labels={LABEL_OWNER: tools.installation},
    )
    async with tools.engine.start_one_shot(spec) as process:
        ran = await converse(process, None)
    if ran.exit_code or ran.stderr.strip():  # in a pipe only the last one's code is told
        raise StartFailed(
            f"a helper ended with exit code {ran.exit_code}: {ran.stderr[-300:]}",
            attempted="exchange the content of",
            target=note.dataset,
            advice="Nothing that has no other copy was removed.",
        )
    return ran.text.strip()
