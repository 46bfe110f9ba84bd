"""What discovery judges by: who mounts what, and what was seen in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tabib.model.backup import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a bounded look at the files of a place found."""

    marks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Folder (relative to the root; ``""``: the root) → names in it that tell a database."""
    sqlite: tuple[str, ...] = ()
    """Files that begin as SQLite's do, relative to the root."""
    code: str = ""
    """A name in the root that source code or a tool's settings have: ``package.json``, ``.git``."""
    empty: bool = False
    file: bool = False
    """It is one file (or a socket, a device), no folder."""
    newest: datetime | None = None
    """When a file in it was last written to."""
    size_bytes: int | None = None
    """Of what was looked at; None: not known."""
    whole: bool = False
    """Everything was looked at: the bounds were not reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One mount of one service. ``settings``: the service's ``x-tabib.backup``, over the project's;
    ``false``, ``true`` or a mapping."""

    service: str
    image: str
    place: Place
    """``type`` may be ``tmpfs`` too."""
    target: str
    read_only: bool = False
    anonymous: bool = False
    key: str = ""
    """The Compose key of a named volume."""
    slot: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Any = None
    since: datetime | None = None
    """When the container that has it was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of a volume from its labels: which generation of which volume it is."""

    volume_id: str = ""
    generation: int | None = None
    key: str = ""
    external: bool = False
