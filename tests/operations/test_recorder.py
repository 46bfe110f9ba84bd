"""The recorder at work for a while: what it read is brought into the form in which it is kept."""

from __future__ import annotations

from pathlib import Path

import apsw

from support.projects import project, service
from support.site import House
from tabib.model.settings import RecorderSettings
from tabib.stores.logs.store import SqliteLogs
from tabib.stores.series.store import SqliteSeries
from tabib.wiring import Recording

HOUR_S = 3600.0
COMPLETE = 3
"""Quarters of an hour that lie within any hour as a whole."""


def test_quarters_of_an_hour_are_sealed(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def story() -> None:
        series = await SqliteSeries.open(tmp_path, floor_bytes=0, reserve_bytes=0)
        logs = await SqliteLogs.open(tmp_path, house.clock, floor_bytes=0)
        recording = Recording(
            series=house.clock.holding(series),
            logs=house.clock.holding(logs),
            settings=RecorderSettings(processes=False, interval_s=30.0),
        )
        async with house.daemon(recording=recording) as daemon:
            await daemon.up(project(service("web")))
            await daemon.passes(HOUR_S)
        await series.close()
        await logs.close()

    house.run(story())
    file = apsw.Connection(str(tmp_path / "series.sqlite3"), flags=apsw.SQLITE_OPEN_READONLY)
    for table in ("segment", "raw", "minute"):
        [[count]] = file.execute(f"SELECT count(*) FROM {table}")
        assert count >= COMPLETE, f"{count} in {table}"
    file.close()
