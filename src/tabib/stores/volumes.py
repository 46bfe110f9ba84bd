"""Folders that hold the data of volumes: one for each generation, so that a swap never overwrites.

What the engine does with them was tried: see ``docs/decisions/0004-volume-generations.md``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tabib.model.errors import Bug
from tabib.stores.files import sync_folder
from tabib.stores.trouble import from_os

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_GENERATION = re.compile(r"g([1-9][0-9]*)")


def generations_supported(uid: int) -> bool:
    """Whether a daemon of user ``uid`` can hold volumes in generations.

    Only root: another user's folders would not belong to root inside containers as an engine's
    own do, and files that containers write could not be removed.
    """
    return uid == 0


def generation_path(state_dir: Path, volume_id: str, generation: int) -> Path:
    """Where generation ``generation`` (from 1) of a volume lives; nothing is created.

    :raises Bug: the id or the number would lead elsewhere.
    """
    if not _ID.fullmatch(volume_id) or generation < 1:
        raise Bug(
            f"generation {generation} of {volume_id!r} is no folder name",
            attempted="place a volume",
        )
    return state_dir / "volumes" / volume_id / f"g{generation}"


def make_generation(state_dir: Path, volume_id: str, generation: int) -> Path:
    """Create the folder of a generation, as the engine makes its own: 0755, root's. Idempotent.

    One that exists is left as it is: its owner and mode are the application's by then.

    :raises StateUnusable: the folder is full or read-only.
    """
    path = generation_path(state_dir, volume_id, generation)
    try:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        try:
            path.mkdir(mode=0o755)
        except FileExistsError:
            return path
        path.chmod(0o755)
        for folder in (path.parent, path.parent.parent, state_dir):
            sync_folder(folder)
    except OSError as error:
        raise from_os(error, path, attempted="create the folder of a volume") from error
    return path


def generations(state_dir: Path, volume_id: str) -> list[int]:
    """The generations that exist, oldest first."""
    folder = generation_path(state_dir, volume_id, 1).parent
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    matches = (_GENERATION.fullmatch(name) for name in names)
    return sorted(int(match[1]) for match in matches if match)
