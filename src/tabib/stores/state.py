"""The state folder: its rights, who this installation is, and the space kept in reserve.

::

    STATE_DIR/              0700
    ├── installation        this installation's id
    ├── daemon.lock         held by the one daemon, its pid inside
    ├── reserve             32 MB, given up when the disk is full
    ├── journal.sqlite3     see stores/journal.py
    ├── vault.sqlite3, vault.key
    └── volumes/<id>/g<N>   data of volumes, one folder for each generation (stores/volumes.py)
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from tabib.model import paths
from tabib.stores.files import create_once
from tabib.stores.lock import DaemonLock
from tabib.stores.trouble import from_os, unusable
from tabib.stores.volumes import generation_path, make_generation

RESERVE_BYTES = 32 * 1024 * 1024
_MARGIN_BYTES = 32 * 1024 * 1024
"""What must be free beside the reserve before it is made (again): no see-saw at the edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStatus:
    """``mode`` is ``act``, or ``observe`` while the reserve is not there: then only what frees
    space may be done."""

    mode: str
    reserve_bytes: int
    free_bytes: int


class StateDir:
    """An open state folder. Build it with :meth:`open`; it may be used from any thread."""

    def __init__(self, path: Path, installation: str, reserve_bytes: int) -> None:
        self.path = path
        self.installation = installation
        """32 hex digits, the same for as long as the folder lives."""
        self._reserve_bytes = reserve_bytes
        self._reserve = path / "reserve"
        self._guard = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, reserve_bytes: int = RESERVE_BYTES) -> StateDir:
        """Open or create the folder with everything that must be there. Blocks for milliseconds.

        Without room for the reserve it opens all the same, in mode ``observe``.

        :raises StateUnusable: code ``full`` or ``readonly``.
        """
        path = path.absolute()
        try:
            _make_folder(path)
            installation = _installation(path)
        except OSError as error:
            raise from_os(error, path, attempted="open the state folder") from error
        state = cls(path, installation, reserve_bytes)
        state.restore_reserve()
        return state

    def lock(self) -> DaemonLock:
        """The right to be this folder's daemon, taken now.

        :raises Refused: another process has it; ``details["pid"]`` names it.
        """
        return DaemonLock.take(self.path / paths.LOCK_NAME)

    def volume_directory(self, volume_id: str, generation: int) -> Path:
        """The folder of a volume's generation (not created)."""
        return generation_path(self.path, volume_id, generation)

    def make_volume_directory(self, volume_id: str, generation: int) -> Path:
        """Create that folder as an engine would create a volume's data folder; idempotent."""
        return make_generation(self.path, volume_id, generation)

    # ── the reserve ────────────────────────────────────────────────────────────────────────────

    def mode(self) -> str:
        """``act``, or ``observe`` while the reserve is not there. Costs one ``stat``."""
        return "act" if self._reserved() >= self._reserve_bytes else "observe"

    def status(self) -> StateStatus:
        return StateStatus(
            mode=self.mode(), reserve_bytes=self._reserved(), free_bytes=self._free()
        )

    def give_up_reserve(self) -> bool:
        """Free the reserved space; False where there was none. The ``on_full`` of the stores."""
        with self._guard:
            freed = self._reserved() > 0
            self._reserve.unlink(missing_ok=True)
            return freed

    def restore_reserve(self) -> bool:
        """Make the reserve where it is missing and there is room beside it; whether it is there.

        Call it now and then: it is what leads back from ``observe`` to ``act``.
        """
        with self._guard:
            if self._reserved() >= self._reserve_bytes:
                return True
            try:
                if self._free() < self._reserve_bytes + _MARGIN_BYTES:
                    return False
                self._allocate()
            except OSError:
                # No room after all, or no right: that is what ``observe`` says.
                self._reserve.unlink(missing_ok=True)
                return False
            return True

    def _allocate(self) -> None:
        descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._reserve_bytes)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _reserved(self) -> int:
        try:
            return self._reserve.stat().st_size
        except OSError:
            return 0

    def _free(self) -> int:
        try:
            figures = os.statvfs(self.path)
        except OSError:
            return 0
        blocks = figures.f_bavail if os.geteuid() else figures.f_bfree
        return blocks * figures.f_frsize


def _make_folder(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise
    found = path.stat()
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        raise unusable("readonly", path / "installation", attempted="write")


def _installation(path: Path) -> str:
    file = path / "installation"
    if not file.exists():
        # Of two that come at once, whoever links it first has named the folder.
        create_once(file, f"{os.urandom(16).hex()}\n".encode(), mode=0o600)
    text = file.read_text("ascii", "replace").strip()
    if len(text) != 32 or not all(digit in "0123456789abcdef" for digit in text):
        raise unusable(
            "damaged",
            file,
            attempted="read",
            cause="it does not hold 32 hex digits",
            advice=f"Put {file} back from a copy of the state folder; without one, remove it: "
            "tabib then is a new installation and must take its engines over.",
        )
    return text
