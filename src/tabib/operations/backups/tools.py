"""What backups of one engine's data work with, beside the ports that every operation has."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tabib.model.errors import Refused
from tabib.model.settings import BackupSettings
from tabib.ports import Repositories


@dataclass(slots=True, kw_only=True)
class BackupTools:
    """Given by ``wiring``."""

    repositories: Repositories
    settings: BackupSettings
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while data is copied by itself: one copy at a time is load enough for an engine."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when what is to be copied by itself, or when, may have changed; wakes the schedule."""
    receiving: set[str] = field(default_factory=set)
    """Streams of write-ahead log that are being received now: nothing of them is behind."""
    received_whole: dict[str, datetime] = field(default_factory=dict)
    """Streams that were received until their server ended, and when that was; only of what this
    daemon saw itself."""


if TYPE_CHECKING:
    from tabib.operations.tools import Tools

SCOPE = "backup:"
"""Before a project's name: the lease under which its data is copied."""


def require(tools: Tools, attempted: str, target: str) -> BackupTools:
    """
    :raises Refused: this daemon copies no data.
    """
    if tools.backups is None:
        raise Refused(
            "this daemon copies no data",
            attempted=attempted,
            target=target,
            advice="Set `enabled = true` under [backup] in tabib.toml, and restart the daemon.",
        )
    return tools.backups
