"""Everything that is kept in the state folder, opened together."""

from __future__ import annotations

from dataclasses import dataclass

from tabib.model.settings import RecorderSettings
from tabib.ports import Clock, LogStore, Series
from tabib.stores.journal import SqliteJournal
from tabib.stores.logs.store import SqliteLogs
from tabib.stores.series.store import SqliteSeries
from tabib.stores.state import StateDir
from tabib.stores.vault import SqliteVault, open_vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What the flight recorder keeps, and how."""

    series: Series
    logs: LogStore
    settings: RecorderSettings


class Stores:
    """The open state folder with its journal, its vault and, for a daemon that records, what the
    flight recorder keeps."""

    def __init__(
        self,
        state: StateDir,
        journal: SqliteJournal,
        vault: SqliteVault,
        recording: Recording | None = None,
    ) -> None:
        self.state = state
        self.journal = journal
        self.vault = vault
        self.recording = recording

    @classmethod
    async def open(
        cls, state: StateDir, clock: Clock, settings: RecorderSettings | None = None
    ) -> Stores:
        """Open (and where needed migrate) everything in the state folder; ``settings`` None:
        nothing is recorded.

        :raises StateUnusable: full, read-only, damaged, or of a newer version.
        """
        journal = await SqliteJournal.open(state.path, clock, on_full=state.give_up_reserve)
        vault = await open_vault(state.path, on_full=state.give_up_reserve)
        recording = None
        if settings is not None and settings.enabled:
            recording = Recording(
                series=await SqliteSeries.open(state.path),
                logs=await SqliteLogs.open(state.path, clock),
                settings=settings,
            )
        return cls(state, journal, vault, recording)

    async def close(self) -> None:
        if self.recording is not None:
            await self.recording.series.close()
            await self.recording.logs.close()
        await self.journal.close()
        await self.vault.close()
