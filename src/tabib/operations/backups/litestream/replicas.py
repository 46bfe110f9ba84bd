"""The folders that SQLite files are replicated into.

::

    STATE_DIR/litestream/<engine>/<project>/<data set>/
    └── <which files>.<when it began>/      a stream: of files that are the same all the while
        ├── litestream.yml
        ├── tabib.json                      until when it is whole
        ├── meta/                           what Litestream writes down for itself
        └── 0/ 1/ …                         one replica for each file, in the order of their names

Which files: a digest of their inodes. A file that is made anew, or restored, begins a new stream,
so that the end of a stream is never that of another database.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tabib.operations.backups.wal import spool
from tabib.operations.tools import Tools

TAG = "litestream"
FACTS = "tabib.json"
META = "meta"
"""What Litestream writes down for itself."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream's folder."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def key(self) -> str:
        return self.id.partition(".")[0]

    @property
    def begun(self) -> str:
        return self.id.partition(".")[2]

    def note(self, names: Sequence[str], whole_until: datetime | None) -> None:
        """Write down of which files it is, and until when all of them have come."""
        upto = whole_until.isoformat() if whole_until else self.whole_until
        draft = self.path / f".{FACTS}"
        draft.write_text(json.dumps({"names": list(names), "whole_until": upto}), "utf-8")
        os.replace(draft, self.path / FACTS)

    @property
    def whole_until(self) -> str:
        return str(self._facts().get("whole_until") or "")

    @property
    def names(self) -> list[str]:
        return [str(one) for one in self._facts().get("names") or ()]

    def _facts(self) -> dict[str, Any]:
        try:
            found = json.loads((self.path / FACTS).read_text("utf-8"))
            return dict(found) if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    def state(self) -> int:
        """Changes whenever something comes: when the newest file came, in nanoseconds."""
        newest = 0
        for folder, below, names in os.walk(self.path):
            below[:] = [one for one in below if one != META]  # what is yet to come to a replica
            for name in names:
                if name.endswith(".ltx"):
                    try:
                        newest = max(newest, os.stat(Path(folder) / name).st_mtime_ns)
                    except FileNotFoundError:
                        continue
        return newest


def folder(tools: Tools, project: str, dataset: str) -> Path:
    """Where the streams of a data set lie; nothing is created."""
    place = spool.folder(tools, project, dataset)
    return tools.state.path / "litestream" / place.relative_to(tools.state.path / "wal")


def streams(tools: Tools, project: str, dataset: str) -> list[Stream]:
    """The streams that are here, newest first."""
    try:
        entries = list(folder(tools, project, dataset).iterdir())
    except FileNotFoundError:
        return []
    found = [Stream(one) for one in entries if one.is_dir() and "." in one.name]
    return sorted(found, key=lambda one: one.begun, reverse=True)


def key_of(root: str, names: Sequence[str]) -> str:
    """Which files these are; ``""``: one of them is not there."""
    digest = hashlib.sha256()
    for name in names:
        try:
            facts = os.stat(os.path.join(root, name))
        except OSError:
            return ""
        digest.update(f"{name}\0{facts.st_dev} {facts.st_ino}\0".encode())
    return digest.hexdigest()[:16]


def begin(tools: Tools, project: str, dataset: str, key: str, names: Sequence[str]) -> Stream:
    """A new stream."""
    path = folder(tools, project, dataset) / f"{key}.{tools.clock.now():%Y%m%dT%H%M%S%f}"
    path.mkdir(mode=0o700, parents=True)
    stream = Stream(path)
    stream.note(names, None)
    return stream
