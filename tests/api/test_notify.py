"""Notifications over the API."""

from __future__ import annotations

from api.conftest import api
from support.inbox import Inbox
from support.site import House
from support.story import story


@story
async def test_destinations_are_listed_with_the_daemons_status(house: House) -> None:
    async with api(house) as here:
        assert "tells nobody" in (await here.get("/v1/notify")).error["happened"]
        assert (await here.get("/v1/daemon/status")).json["notify"] == []
        here.notify(Inbox(house.clock), "json://secret@127.0.0.1/x")
        [row] = (await here.get("/v1/notify")).json
        assert (row["destination"], row["state"], row["project"]) == ("json://****", "unused", None)
        [also] = (await here.get("/v1/daemon/status")).json["notify"]
        assert also == row
        assert "secret" not in str(row)
