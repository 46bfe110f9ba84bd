"""Stories on a disk that is really full or really read-only; run by ``test_disk.py``.

Each runs as a program of its own in a mount namespace, with the folder of a small file system as
its argument, so that no mount is left behind whatever happens.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tabib.host.clock import SystemClock
from tabib.model.errors import StateUnusable
from tabib.model.release import JournalEntry
from tabib.stores.journal import SqliteJournal
from tabib.stores.keyfile import create_key
from tabib.stores.state import StateDir
from tabib.stores.vault import open_vault
from tabib.stores.volumes import make_generation

MIB = 1024 * 1024


def entry(number: int) -> JournalEntry:
    return JournalEntry(
        at=SystemClock().now(), kind="note", subject=str(number), data={"t": "x" * 20_000}
    )


def fill(folder: Path) -> Path:
    """Take all the space that is left."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


async def append_until_refused(journal: SqliteJournal, first: int) -> tuple[int, StateUnusable]:
    for number in range(first, first + 100_000):
        try:
            await journal.append(entry(number))
        except StateUnusable as error:
            return number, error
    raise AssertionError("the disk never became full")


async def reserve(folder: Path) -> None:
    """The reserve is given up by itself, acting ends, and both come back with the space."""
    state = StateDir.open(folder / "state", reserve_bytes=8 * MIB)
    assert state.mode() == "act"
    assert state.status().reserve_bytes == 8 * MIB
    journal = await SqliteJournal.open(state.path, SystemClock(), on_full=state.give_up_reserve)
    await journal.append(entry(0))
    ballast = fill(folder)
    for number in range(1, 60):
        await journal.append(entry(number))
    assert state.mode() == "observe", "the writes above must have needed the reserve"
    assert not state.restore_reserve()

    refused, error = await append_until_refused(journal, 60)
    assert error.details["code"] == "full", error
    assert "Free space" in error.advice
    assert str(state.path) in error.advice
    subjects = [one.subject for one in await journal.entries(limit=100_000)]
    assert subjects == [str(number) for number in range(refused)]

    ballast.unlink()
    await journal.append(entry(refused))
    assert state.restore_reserve()
    assert state.mode() == "act"
    await journal.close()

    again = await SqliteJournal.open(state.path, SystemClock())
    assert len(await again.entries(limit=100_000)) == refused + 1
    await again.close()


async def batch(folder: Path) -> None:
    """Of sixty writes at once on a full disk each gets its own answer, and it is the truth."""
    state = folder / "state"
    state.mkdir()
    journal = await SqliteJournal.open(state, SystemClock())
    fill(folder)
    answers = []
    for _ in range(40):
        answers += await asyncio.gather(
            *(journal.append(entry(0)) for _ in range(60)), return_exceptions=True
        )
    errors = [one for one in answers if isinstance(one, BaseException)]
    assert errors
    assert all(isinstance(e, StateUnusable) and e.details["code"] == "full" for e in errors)
    assert len({id(one) for one in errors}) == len(errors)
    assert len(await journal.entries(limit=100_000)) == len(answers) - len(errors)
    await journal.close()


async def start_full(folder: Path) -> None:
    """Nothing can be made on a full disk: said so, and nothing half-made stays."""
    (folder / "there").mkdir()
    fill(folder)
    there = folder / "there"
    await refused("full", lambda: StateDir.open(there))
    await refused("full", lambda: create_key(there / "vault.key"))
    assert os.listdir(there) == []
    await refused("full", lambda: SqliteJournal.open(there, SystemClock()))
    await refused("full", lambda: open_vault(there))


async def no_room_for_reserve(folder: Path) -> None:
    """Little room: it opens, and only observes."""
    state = StateDir.open(folder / "state", reserve_bytes=500 * MIB)
    assert state.mode() == "observe"
    assert state.status().reserve_bytes == 0
    assert state.give_up_reserve() is False
    journal = await SqliteJournal.open(state.path, SystemClock(), on_full=state.give_up_reserve)
    await journal.append(entry(0))
    await journal.close()


async def read_only(folder: Path) -> None:
    """A read-only file system, with and without an earlier state on it."""
    made = StateDir.open(folder / "made", reserve_bytes=MIB)
    journal, vault = await SqliteJournal.open(made.path, SystemClock()), await open_vault(made.path)
    await journal.append(entry(0))
    await journal.close()
    await vault.close()
    (folder / "empty").mkdir()
    remount = await asyncio.create_subprocess_exec("mount", "-o", "remount,ro", str(folder))
    assert await remount.wait() == 0
    for path in (folder / "made", folder / "empty", folder / "none"):
        for attempt in (
            partial(SqliteJournal.open, path, SystemClock()),
            partial(open_vault, path),
            partial(StateDir.open, path),
            partial(make_generation, path, "v", 1),
        ):
            error = await refused("readonly", attempt)
            assert "--state-dir" in error.advice, error
    await refused("readonly", made.lock)


async def called(attempt: Callable[[], Any]) -> Any:
    result = attempt()
    return await result if inspect.isawaitable(result) else result


async def refused(code: str, attempt: Callable[[], Any]) -> StateUnusable:
    """The error of ``attempt``, which must be of this code."""
    with pytest.raises(StateUnusable) as caught:
        await called(attempt)
    assert caught.value.details["code"] == code, caught.value
    return caught.value


STORIES = (reserve, batch, start_full, no_room_for_reserve, read_only)

if __name__ == "__main__":
    story = next(one for one in STORIES if one.__name__ == sys.argv[1])
    asyncio.run(story(Path(sys.argv[2])))
    print(f"{story.__name__}: told to its end")
