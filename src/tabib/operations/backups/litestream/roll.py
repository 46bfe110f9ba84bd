"""A copy of SQLite files, brought forward by what Litestream has replicated since.

The files are written anew from their replicas, where the copy has just been put. What comes of it
must be whole, and must not be less by half than what was counted when the copy was made: a database
that was emptied replicates its emptiness too. Where that does not hold the copy alone is restored,
and a restore to a time that somebody named is refused.
"""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from tabib.decide.backups.restore import Abandoned
from tabib.model.backup import Part, Place, Stored
from tabib.model.errors import CopyFailed
from tabib.operations.backups.kinds import KINDS, Filling
from tabib.operations.backups.kinds.places import AT, must
from tabib.operations.backups.kinds.programs import converse, failure
from tabib.operations.backups.kinds.sqlite import shrunk
from tabib.operations.backups.litestream import replicas
from tabib.operations.backups.litestream.program import (
    CONFIG,
    DATA,
    REPLICAS,
    SYNC_S,
    one_shot,
    program,
)
from tabib.operations.backups.litestream.replicas import FACTS, TAG, Stream
from tabib.operations.backups.reached import Reached
from tabib.operations.backups.wal import store

_BEHIND = timedelta(seconds=10)
"""A stream that is written to now may be behind so much."""
_PUT = """
cd "$1" && for name in "$@"; do
    [ -e "$name.tabib-new" ] || continue
    owner=$(stat -c %u:%g "$name") && mode=$(stat -c %a "$name") || exit 1
    chown "$owner" "$name.tabib-new" && chmod "$mode" "$name.tabib-new" || exit 1
    rm -f "$name-wal" "$name-shm" "$name-journal" && mv "$name.tabib-new" "$name" || exit 1
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A stream to restore from. ``until``: what was committed before then is in it."""

    stream: Stream
    until: datetime


async def roll(
    work: Filling,
    part: Part,
    target: Place,
    *,
    to: datetime | None,
    last: Abandoned | None,
    stored_only: bool,
) -> Reached | str:
    """Bring forward what ``part`` was just restored to; why it is left as it is, where it is.

    :raises CopyFailed: it cannot be brought to ``to``.
    """
    path = program(work.tools)
    if not path:
        return "Litestream is not on this machine"
    if to is None and last is not None and part.taken_at < last.at:
        return "it was put back to that by an earlier restore"
    async with AsyncExitStack() as stack:
        found = await _stream(work, part, to, stack, stored_only=stored_only)
        names = found.stream.names if found is not None else []
        if found is None or not names:
            return "no replica of it leads there"
        if found.until < part.taken_at:
            return "nothing was replicated since"
        if to is not None and found.until < to - _BEHIND:
            raise CopyFailed(
                f"what is kept ends at {found.until:%Y-%m-%d %H:%M:%S} UTC",
                attempted=f"restore to {to:%Y-%m-%d %H:%M:%S} UTC",
                target=part.dataset.name,
                advice="Name an earlier time, or leave --to-time out for the latest there is.",
            )
        argv = ["restore", "-config", f"{REPLICAS}/{CONFIG}"]
        if to is not None:
            argv += ["-timestamp", f"{to.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"]
        for name in names:
            each = [*argv, "-o", f"{DATA}/{name}.tabib-new", f"{DATA}/{name}"]
            spec = one_shot(work.tools, path, each, target, found.stream.path)
            async with work.tools.engine.start_one_shot(spec) as process:
                ran = await converse(process, None)
            if ran.exit_code:
                raise failure(ran, attempted="restore from its replica", target=name)
    await must(
        work.tools, work.spec.image, target, _PUT, AT, *names, attempted="put in place files of"
    )
    if why := await shrunk(work.tools, target, part):
        if to is not None:
            raise CopyFailed(
                why,
                attempted=f"restore to {to:%Y-%m-%d %H:%M:%S} UTC",
                target=part.dataset.name,
                advice="Name an earlier time.",
            )
        await must(
            work.tools, work.spec.image, target, 'find "$1" -mindepth 1 -delete', AT,
            attempted="empty a place again",
        )  # fmt: skip
        await KINDS[part.dataset.kind].fill(work, part, target)
        return f"what was replicated since is not what it was: {why}"
    until = min(to, found.until) if to is not None else found.until
    return Reached(
        until=max(until, part.taken_at),
        rolled=True,
        text=f"brought forward by Litestream to {until:%Y-%m-%d %H:%M:%S} UTC",
        cut="nothing was replicated from then on" if to is None else "",
    )


async def _stream(
    work: Filling,
    part: Part,
    to: datetime | None,
    stack: AsyncExitStack,
    *,
    stored_only: bool,
) -> _Found | None:
    """The newest stream that had begun by then: here, or fetched from the repository."""
    tools, project, name = work.tools, work.spec.project, part.dataset.name
    limit = f"{to.astimezone(UTC):%Y%m%dT%H%M%S%f}" if to is not None else "~"
    here = [] if stored_only else replicas.streams(tools, project, name)
    known = {one.begun: one for one in here}
    stored = {store.tag_of(one, "stream"): one for one in await _stored(work, part)}
    begun = {one.partition(".")[2] for one in stored} | set(known)
    fitting = sorted(one for one in begun if one <= limit)
    if not fitting:
        return None
    newest = fitting[-1]
    if newest in known:
        return _whole(known[newest])
    copy = next(one for key, one in stored.items() if key.partition(".")[2] == newest)
    folder = Path(mkdtemp(prefix="litestream-", dir=tools.state.path))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    await work.repository.restore_files(copy.id, Place(type="bind", source=str(folder)))
    inner = next((one.parent for one in folder.rglob(FACTS)), folder)
    return _whole(Stream(inner), at=copy.at)


def _whole(stream: Stream, at: datetime | None = None) -> _Found:
    """``at``: when it was stored, where it is from a repository."""
    came = datetime.fromtimestamp(stream.state() / 1e9, UTC) - timedelta(seconds=2 * SYNC_S)
    noted = stream.whole_until
    until = max(came, datetime.fromisoformat(noted)) if noted else came
    return _Found(stream=stream, until=min(until, at) if at else until)


async def _stored(work: Filling, part: Part) -> list[Stored]:
    tags = store.tags(work.spec.project, part.dataset.name, tag=TAG)
    return sorted(await work.repository.stored(tags), key=lambda one: one.at)
