"""Where tabib keeps its state: one answer for the command, the daemon and the stores."""

from __future__ import annotations

import os.path
from collections.abc import Mapping

SYSTEM_STATE_DIR = "/var/lib/tabib"

ALREADY_RUNNING = 81
"""Exit code of ``tabib daemon run`` when another daemon holds the state folder's lock."""

NO_ROOM_TO_SAY = 82
"""Exit code of a daemon that could not write why it ended: the disk of its log is full."""

LOCK_NAME = "daemon.lock"
"""The file in the state folder that its one daemon holds locked."""


def state_dir(environ: Mapping[str, str], uid: int, override: str = "") -> str:
    """The absolute state folder.

    ``override`` (``--state-dir``), else ``TABIB_STATE_DIR``, else ``/var/lib/tabib`` for root,
    else ``$XDG_STATE_HOME/tabib`` (``~/.local/state/tabib`` by the XDG base directory
    specification 0.8; relative values of the variable are ignored as it demands).
    """
    chosen = override or environ.get("TABIB_STATE_DIR", "")
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    if uid == 0:
        return SYSTEM_STATE_DIR
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        home = environ.get("HOME") or os.path.expanduser("~")
        base = os.path.join(home, ".local", "state")
    return os.path.join(base, "tabib")


def socket_path(state: str) -> str:
    """The daemon's Unix socket in the state folder ``state``."""
    return os.path.join(state, "tabib.sock")


def log_path(state: str) -> str:
    """The log of a daemon that runs in the background."""
    return os.path.join(state, "daemon.log")
