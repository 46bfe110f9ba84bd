"""What set-up made on this machine, so that `make demo-down` takes away that and nothing else.

One small JSON file per user, outside the checkout: packages and engines belong to the machine,
and another clone must know of them too.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from setup.say import detail

_LOCK = RLock()


def folder() -> Path:
    """Where the record and the logs of set-up are."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "tabib-setup"


def load() -> dict[str, Any]:
    """The record: packages, engine, images, shop. An unreadable one counts as empty."""
    try:
        found = json.loads((folder() / "made.json").read_text())
    except (OSError, ValueError):
        found = {}
    record = found if isinstance(found, dict) else {}
    for key, empty in (("packages", list), ("images", list), ("engine", dict), ("shop", dict)):
        if not isinstance(record.get(key), empty):
            record[key] = empty()
    return record


@contextmanager
def change() -> Iterator[dict[str, Any]]:
    """Read the record, let the caller change it, write it back in one piece."""
    with _LOCK:
        record = load()
        yield record
        folder().mkdir(parents=True, exist_ok=True)
        new = folder() / "made.json.new"
        new.write_text(json.dumps(record, indent=2) + "\n")
        new.replace(folder() / "made.json")


@contextmanager
def alone() -> Iterator[None]:
    """Hold the machine's set-up: a second one waits, so that nothing is installed twice at once."""
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            detail("another set-up is at work on this machine; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
