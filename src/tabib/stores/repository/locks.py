"""Locks in a repository: whose they are, and which of them nobody holds any more.

restic tells a dead process's lock only by its host name and process id, which in a container is
always 1. So each engine's helpers have a host name of their own, and a lock with that name is dead
when no helper of ours is alive there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

STALE_AFTER = timedelta(minutes=30)
"""restic renews a living lock every five minutes and takes one this old for dead."""
LIST_SCRIPT = (
    "ids=$(restic list locks --no-lock -q) || exit $?; "
    'for id in $ids; do echo "lock $id"; restic cat lock "$id" --no-lock -q || true; done'
)


@dataclass(frozen=True, slots=True)
class Lock:
    id: str
    hostname: str
    at: datetime | None
    exclusive: bool

    def old(self, now: datetime) -> bool:
        return self.at is not None and now - self.at > STALE_AFTER


def parse_locks(text: str) -> list[Lock]:
    """The locks that :data:`LIST_SCRIPT` printed."""
    found = []
    for part in re.split(r"(?m)^lock ", text)[1:]:
        identity, _, body = part.partition("\n")
        try:
            said = msgspec.json.decode(body or "{}")
        except msgspec.DecodeError:
            said = {}
        found.append(
            Lock(
                id=identity.strip(),
                hostname=str(said.get("hostname") or ""),
                at=_moment(said.get("time")),
                exclusive=bool(said.get("exclusive")),
            )
        )
    return found


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
