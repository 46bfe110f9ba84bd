"""Small files written so that a crash leaves the old one, the new one, or none: never a half."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_once(path: Path, content: bytes, *, mode: int) -> bool:
    """Create ``path`` whole and durable; False, and nothing changed, where it exists.

    The content is written under a name of its own and linked into place: a link, unlike a rename,
    never replaces what is there.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        try:
            os.fchmod(descriptor, mode)
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte of ``content``: one ``write`` may take fewer."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
