"""What operations work with: the ports of one engine, given by ``wiring``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tabib.model.container import EngineInfo
from tabib.model.errors import OwnedElsewhere, StateUnusable
from tabib.model.wire import EndpointAddress
from tabib.operations.actions import Actions
from tabib.operations.backups.tools import BackupTools
from tabib.operations.glance import Glance
from tabib.operations.models import Models
from tabib.operations.monitor.monitor import Monitor
from tabib.operations.secrets import Secrets
from tabib.operations.watch import Watch
from tabib.ports import Clock, Engine, Journal, Notifier, Vault


class State(Protocol):
    """tabib's own folder, as far as operations need it."""

    @property
    def path(self) -> Path: ...

    @property
    def installation(self) -> str: ...

    def mode(self) -> str:
        """``act``, or ``observe`` while there is too little room to journal what is done."""
        ...

    def volume_directory(self, volume_id: str, generation: int) -> Path:
        """The folder of a volume's generation (not created)."""
        ...

    def make_volume_directory(self, volume_id: str, generation: int) -> Path:
        """Create that folder as an engine would create a volume's data folder; idempotent."""
        ...


@dataclass(slots=True, kw_only=True)
class Ownership:
    """Who may act on the engine. ``owner`` is an installation id; empty: nobody yet."""

    owner: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    """Why this daemon must not act at all (a private one beside a living owner)."""
    acting: int = 0
    """How many operations act now: while one does, the engine is not let go."""
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True, kw_only=True)
class Tools:
    """Everything that operations on one engine need."""

    engine: Engine
    info: EngineInfo
    address: EndpointAddress
    journal: Journal
    vault: Vault
    clock: Clock
    state: State
    watch: Watch
    actions: Actions
    glance: Glance
    new_id: Callable[[], str]
    secrets: Secrets = field(default_factory=Secrets)
    models: Models = field(default_factory=Models)
    ownership: Ownership = field(default_factory=Ownership)
    care_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a care record is read, changed and written; see ``care_record.py``."""
    incident_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while incidents are read, changed and written; see ``incidents.py``."""
    cluster: str = "default"
    on_refused: Callable[[str, str, str], Awaitable[None]] | None = None
    """Called with project, container and the engine's words where it refused to make or start a
    container; None where nobody cares."""
    on_unreadable: Callable[[str, str, str, str], Awaitable[None]] | None = None
    """Called with project, data set, service and the words where a copy of a data set failed in a
    way that means damage; None where nobody cares."""
    on_copied: Callable[[str], None] | None = None
    """Called with the project when a snapshot of it was taken: what its data is, is on record."""
    monitor: Monitor | None = None
    """The flight recorder of this engine; None where this daemon does not record."""
    backups: BackupTools | None = None
    """Repositories and how data is copied; None where this daemon copies none."""
    notifier: Notifier | None = None
    """Who judges the notification URLs of a project; None where nobody is told of anything."""

    @property
    def installation(self) -> str:
        return self.state.installation

    def require_act(self, attempted: str, target: str) -> None:
        """
        :raises OwnedElsewhere: another installation owns the engine.
        :raises StateUnusable: there is no room to journal what would be done.
        """
        owner = self.ownership.owner
        if owner and owner != self.installation:
            host = self.ownership.labels.get("tabib.hostname", "another host")
            folder = self.ownership.labels.get("tabib.state-dir", "its state folder")
            raise OwnedElsewhere(
                f"this engine is cared for by another tabib installation ({host}, {folder})",
                attempted=attempted,
                target=target,
                advice=(
                    "Use that installation, or take the engine over for good with "
                    "`tabib daemon takeover`. Reading commands work from here as they are."
                ),
                details={"owner": owner, "hostname": host, "state_dir": folder},
            )
        if self.state.mode() != "act":
            raise StateUnusable(
                "there is too little room in the state folder to record what is done",
                attempted=attempted,
                target=target,
                advice=f"Free space on the disk of {self.state.path}; until then tabib observes.",
                details={"code": "full", "path": str(self.state.path)},
            )
