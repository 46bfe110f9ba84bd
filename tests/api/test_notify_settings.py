"""What the host's settings become."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.inbox import Inbox
from support.site import House
from support.story import story
from tabib.model.settings import NotifySettings
from tabib.wiring.notify import host_rules, local_zone


def test_limits_and_places(tmp_path: Path) -> None:
    file = tmp_path / "tabib.toml"
    file.write_text("[notify]\nurls = ['json://a',\n  'json://b']\n")
    found = host_rules(
        NotifySettings(urls=["json://a", "json://b"], messages_per_10_minutes=4), file
    )
    assert (found.limits.messages, found.limits.reserved) == (4, 2)
    assert found.places == {"json://a": f"{file}:2:10", "json://b": f"{file}:3:4"}
    assert host_rules(NotifySettings(messages_per_10_minutes=1)).limits.reserved == 0


def test_the_machines_own_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert str(local_zone()) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "no/where")
    assert str(local_zone()) == "UTC"


@story
async def test_urls_that_others_can_read_are_warned_of(house: House) -> None:
    from tabib.wiring import Stores, build_notifying

    file = house.folder / "tabib.toml"
    file.write_text("[notify]\nurls = ['json://a']\n")
    async with house.daemon() as daemon:
        tools = daemon.tools
        stores = Stores(tools.state, daemon.journal, tools.vault)  # type: ignore[arg-type]
        for mode, warned in ((0o644, True), (0o600, False)):
            file.chmod(mode)
            with capture_logs() as said:
                build_notifying(
                    stores,
                    house.clock,
                    NotifySettings(urls=["json://a"]),
                    notifier=Inbox(house.clock),
                    file=file,
                )
            assert any(one["event"] == "notify.readable_urls" for one in said) is warned
