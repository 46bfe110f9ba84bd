"""The writer is killed with SIGKILL: nothing that was answered is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from stores.clocks import ManualClock
from tabib.stores.journal import SqliteJournal
from tabib.stores.vault import open_vault

WRITER = """
import asyncio, sys
from pathlib import Path
from tabib.host.clock import SystemClock
from tabib.model.release import JournalEntry
from tabib.stores.journal import SqliteJournal
from tabib.stores.vault import open_vault

async def writer(journal, vault, name):
    for number in range(1_000_000):
        subject = f"{name}-{number}"
        entry = JournalEntry(at=SystemClock().now(), kind="note", subject=subject)
        await journal.append(entry)
        (reference,) = await vault.seal([subject])
        print(subject, reference, flush=True)

async def main():
    folder = Path(sys.argv[1])
    journal = await SqliteJournal.open(folder, SystemClock())
    vault = await open_vault(folder)
    async with asyncio.TaskGroup() as group:
        for number in range(int(sys.argv[3])):
            group.create_task(writer(journal, vault, f"{sys.argv[2]}.{number}"))

asyncio.run(main())
"""
ROUNDS = 8


async def test_no_answered_write_is_lost_to_sigkill(tmp_path: Path, clock: ManualClock) -> None:
    chance = random.Random(20260504)
    answered: dict[str, str] = {}
    for number in range(ROUNDS):
        writers = chance.choice([1, 5, 60])
        answered |= _killed_writer(tmp_path, f"r{number}", writers, chance.randint(1, 400))

        journal, vault = await SqliteJournal.open(tmp_path, clock), await open_vault(tmp_path)
        entries = await journal.entries(limit=1_000_000)
        assert answered.keys() <= {one.subject for one in entries}
        assert [one.seq for one in entries] == list(range(1, len(entries) + 1))
        assert await vault.open(list(answered.values())) == list(answered)
        await journal.close()
        await vault.close()
    assert len(answered) > ROUNDS


def _killed_writer(folder: Path, name: str, writers: int, answers: int) -> dict[str, str]:
    """Run a writer until ``answers`` writes were answered, kill it; all that were answered."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(writers)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(answers)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    assert process.wait() == -signal.SIGKILL
    # The last line may be cut: that answer was not given.
    whole = ("".join(lines) + rest).rpartition("\n")[0].splitlines()
    return dict(line.split() for line in whole)  # type: ignore[misc]
