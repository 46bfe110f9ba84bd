"""What the stores cost on this machine: ``python benchmarks/stores.py [FOLDER]``.

Medians and 99th percentiles in milliseconds, of journal and vault on a real disk with fsync.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from tabib.host.clock import SystemClock
from tabib.model.release import JournalEntry
from tabib.stores.journal import SqliteJournal
from tabib.stores.state import StateDir
from tabib.stores.vault import SqliteVault, open_vault

ENTRY = JournalEntry(
    at=datetime.now(UTC),
    kind="intent",
    engine_id="engine",
    project="shop",
    operation="operation",
    subject="shop-web-1",
    data={"verb": "create_container", "reason": "it is missing", "target": "x" * 200},
)
OPENING = """
import time
import asyncio, msgspec, sys
from pathlib import Path
started = time.perf_counter()
from tabib.stores.journal import SqliteJournal
from tabib.stores.vault import open_vault
from tabib.stores.state import StateDir
from tabib.host.clock import SystemClock
imported = time.perf_counter()
async def main():
    state = StateDir.open(Path(sys.argv[1]))
    await SqliteJournal.open(state.path, SystemClock(), on_full=state.give_up_reserve)
    await open_vault(state.path, on_full=state.give_up_reserve)
asyncio.run(main())
opened = time.perf_counter()
print((imported - started) * 1000, (opened - imported) * 1000)
"""


async def timed(times: int, action: Callable[[int], Awaitable[object]]) -> list[float]:
    """Milliseconds of each of ``times`` runs."""
    found = []
    for number in range(times):
        started = time.perf_counter()
        await action(number)
        found.append((time.perf_counter() - started) * 1000)
    return found


def say(what: str, found: list[float]) -> None:
    found = sorted(found)
    print(f"{what:44} {statistics.median(found):9.2f} {found[int(len(found) * 0.99)]:9.2f}")


async def journal_figures(journal: SqliteJournal) -> None:
    async def sixty(_: int) -> None:
        await asyncio.gather(*(journal.append(ENTRY) for _ in range(60)))

    say("append, one", await timed(1000, lambda _: journal.append(ENTRY)))
    say("append, 60 at once (all 60)", await timed(200, sixty))
    say(
        "entries, newest 100 of a project",
        await timed(300, lambda _: journal.entries(engine_id="engine", project="shop", limit=100)),
    )


async def vault_figures(vault: SqliteVault) -> None:
    def fresh(number: int) -> list[str]:
        return [f"value {number} {index} {'x' * 40}" for index in range(300)]

    say("seal 300 new values", await timed(50, lambda number: vault.seal(fresh(number))))
    say("seal 300 known values", await timed(50, lambda number: vault.seal(fresh(number))))
    references = await vault.seal(fresh(0))
    say("open 300 values", await timed(50, lambda _: vault.open(references)))


async def figures(folder: Path) -> None:
    state = StateDir.open(folder)
    journal = await SqliteJournal.open(state.path, SystemClock())
    vault = await open_vault(state.path)
    await journal_figures(journal)
    await vault_figures(vault)
    await journal.close()
    await vault.close()


def opening(folder: Path, times: int) -> None:
    command = [sys.executable, "-c", OPENING, str(folder)]
    runs = [
        [float(part) for part in subprocess.check_output(command, text=True).split()]
        for _ in range(times)
    ]
    say("import the stores (asyncio, msgspec loaded)", [one[0] for one in runs])
    say("open folder, journal and vault", [one[1] for one in runs])
    say("both", [sum(one) for one in runs])


def main() -> None:
    base = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        print(f"{'':44} {'median ms':>9} {'p99 ms':>9}")
        asyncio.run(figures(Path(name) / "state"))
        opening(Path(name) / "state", 15)


if __name__ == "__main__":
    main()
