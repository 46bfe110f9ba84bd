"""Log files as an engine writes them, and a keeper that reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stores.clocks import ManualClock
from tabib.decide.redact import Redactor
from tabib.operations.monitor.log_keeper import LogKeeper
from tabib.stores.logs import SqliteLogs

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
ID = "c" * 64


class Engine:
    """Writes a container's log as the engine does."""

    def __init__(self, folder: Path, name: str = ID) -> None:
        self.path = folder / name / f"{name}-json.log"
        self.path.parent.mkdir(parents=True)
        self.path.touch()
        self.at = NOON

    def say(self, *lines: str, stream: str = "stdout", end: str = "\n") -> None:
        with self.path.open("ab") as file:
            for line in lines:
                file.write(self.record(line + end, stream))

    def record(self, text: str, stream: str = "stdout") -> bytes:
        self.at += timedelta(milliseconds=1)
        stamp = self.at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"
        return json.dumps({"log": text, "stream": stream, "time": stamp}).encode() + b"\n"

    def raw(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def rotate(self, files: int = 3) -> None:
        for number in range(files - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = (
                self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            )
            if newer.exists():
                newer.rename(older)
        self.path.touch()

    def remove(self) -> None:
        for one in self.path.parent.iterdir():
            one.unlink()
        self.path.parent.rmdir()


@asynccontextmanager
async def keeping(folder: Path, redactor: Redactor | None = None) -> AsyncIterator[LogKeeper]:
    store = await SqliteLogs.open(folder, ManualClock(), floor_bytes=0)
    async with asyncio.TaskGroup() as group:
        keeper = LogKeeper(
            None,  # type: ignore[arg-type]  # no stream is followed here
            store,
            ManualClock(),
            group,
            "e",
            lambda _: redactor or Redactor.knowing(),
        )
        yield keeper
        keeper.close()
    await store.close()


def watch(keeper: LogKeeper, engine: Engine, name: str = ID) -> None:
    keeper.watch(name, "web", "json-file", str(engine.path))


async def kept(keeper: LogKeeper, name: str = ID) -> list[str]:
    return [line.text for line in await keeper.store.tail("e", [name])]
