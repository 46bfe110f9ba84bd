"""One project that is to be recovered, and how far that came."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from tabib.model.backup import Manifest, Snapshot
from tabib.model.project import Project
from tabib.operations.tools import Tools

READY, ANEW, DONE, REFUSED, FAILED, RECOVERED = (
    "ready", "continues", "done before", "refused", "failed", "recovered",
)  # fmt: skip
"""States of a project in the plan (the first four) and in the result."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far the recovery of a project came; in the journal. ``filled``: data sets whose data is
    there."""

    snapshot: str
    filled: list[str] = field(default_factory=list)
    reached: dict[str, str] = field(default_factory=dict)
    done: bool = False


@dataclass(slots=True, kw_only=True)
class Case:
    """One project that is to be recovered."""

    name: str
    manifest: Manifest
    progress: Progress
    state: str
    refused: str = ""
    project: Project | None = None
    """As the release says, its values opened; None where tabib has no model of it."""
    images: list[dict[str, str]] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rpo_seconds: float = 0.0
    lost: list[str] = field(default_factory=list)

    @property
    def snapshot(self) -> Snapshot:
        return self.manifest.snapshot


async def progress_of(tools: Tools, project: str) -> Progress | None:
    """How far an earlier run came; None: there was none, or the project was let go since."""
    text = await tools.journal.get_setting(_key(tools, project))
    if not text:
        return None
    found = Progress(**json.loads(text))
    if found.done and await tools.journal.care(tools.info.id, project) is None:
        return None  # it was recovered, and let go since
    return found


async def put_progress(tools: Tools, case: Case) -> None:
    """Write down how far it came."""
    await tools.journal.put_setting(_key(tools, case.name), json.dumps(asdict(case.progress)))


def _key(tools: Tools, project: str) -> str:
    return f"recover:{tools.info.id}:{project}"
