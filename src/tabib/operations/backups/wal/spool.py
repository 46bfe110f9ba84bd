"""The folders that write-ahead logs are received into.

::

    STATE_DIR/wal/<engine>/<project>/<data set>/
    └── <database's identity>.<when it began>/     a stream: one log without a hole
        ├── 000000010000000000000007               as the database names its files
        ├── 000000010000000000000008.partial       the one being received
        └── tabib.json                             when it began and was last whole, its chapter

They lie on the engine's host, beside tabib's other state and outside the database's volume. What
is stored in the repository is a copy of a stream's folder; a **chapter** of it ends whenever old
files are let go here, and the last copy of a chapter is kept as long as a base backup needs it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tabib.decide.backups.wal import history, segment
from tabib.operations.tools import Tools
from tabib.stores.files import sync_folder

FACTS = "tabib.json"
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a stream. Times are ISO 8601."""

    identity: str
    begun_at: str
    whole_until: str = ""
    """Everything acknowledged before is in it; while it is being received, that grows by itself."""
    chapter: int = 1


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream's folder."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def identity(self) -> str:
        return self.id.partition(".")[0]

    def facts(self) -> Facts:
        """What was noted; of a folder without a note, what its name tells."""
        try:
            return Facts(**json.loads((self.path / FACTS).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return Facts(identity=self.identity, begun_at="")

    def note(self, **changed: str | int) -> None:
        """Change what is noted, whole or not at all."""
        text = json.dumps(asdict(replace(self.facts(), **changed)))  # type: ignore[arg-type]
        draft = self.path / f".{FACTS}"
        draft.write_text(text, "utf-8")
        os.replace(draft, self.path / FACTS)

    def files(self) -> dict[str, datetime]:
        """The log's files → when they were last written to."""
        found = {}
        for entry in self.path.iterdir():
            if segment(entry.name) is not None or history(entry.name) is not None:
                try:
                    found[entry.name] = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                except FileNotFoundError:  # renamed: it has just been completed
                    continue
        return found

    def timeline(self) -> int:
        """The newest timeline in it; 0: nothing has come."""
        known = [one.timeline for name in self.files() if (one := segment(name)) is not None]
        return max(known, default=0)

    def leads_to(self, names: Iterable[str]) -> bool:
        """Whether the last of its segments is among ``names``."""
        mine = [name for name in self.files() if segment(name) is not None]
        return bool(mine) and max(mine) in set(names)

    def state(self) -> tuple[tuple[str, int], ...]:
        """What changes whenever something comes."""
        found = []
        for entry in self.path.iterdir():
            try:
                found.append((entry.name, entry.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        return tuple(sorted(one for one in found if FACTS not in one[0]))

    def newest(self) -> datetime | None:
        """When the last byte came."""
        return max(self.files().values(), default=None)

    def let_go(self, before: datetime) -> list[str]:
        """Remove segments that were completed before then, but for the last; their names."""
        whole = sorted(
            (name, at)
            for name, at in self.files().items()
            if (one := segment(name)) is not None and not one.partial
        )
        gone = [name for name, at in whole[:-1] if at < before]
        for name in gone:
            (self.path / name).unlink(missing_ok=True)
        return gone


def folder(tools: Tools, project: str, dataset: str) -> Path:
    """Where the streams of a data set lie; nothing is created."""
    plain = _ODD.sub("-", dataset).strip("-")[:40]
    digest = hashlib.sha256(dataset.encode()).hexdigest()[:8]
    engine = hashlib.sha256(tools.info.id.encode()).hexdigest()[:12]
    return tools.state.path / "wal" / engine / project / f"{plain}-{digest}"


def streams(tools: Tools, project: str, dataset: str, identity: str = "") -> list[Stream]:
    """The streams that are here (of the database ``identity``), newest first."""
    try:
        entries = list(folder(tools, project, dataset).iterdir())
    except FileNotFoundError:
        return []
    found = [Stream(one) for one in entries if one.is_dir() and "." in one.name]
    if identity:
        found = [one for one in found if one.identity == identity]
    return sorted(found, key=lambda one: one.id.partition(".")[2], reverse=True)


def begin(tools: Tools, project: str, dataset: str, identity: str) -> Stream:
    """A new stream."""
    now = tools.clock.now()
    path = folder(tools, project, dataset) / f"{identity}.{now:%Y%m%dT%H%M%S%f}"
    for parent in (tools.state.path / "wal", *reversed(path.parents)):
        if tools.state.path in parent.parents:
            parent.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700)
    stream = Stream(path)
    stream.note(begun_at=now.isoformat())
    sync_folder(path.parent)
    return stream
