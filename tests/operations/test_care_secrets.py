"""No secret is shown: neither in what fails nor in any case file."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.patients import CALM_S, only_incident, settled
from support.projects import HEALTHY, after, project, service
from support.site import House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.model.errors import NotHealthy
from tabib.model.project import FileObject


@story
async def test_a_failing_up_shows_no_secret(house: House) -> None:
    house.world.programs.set(
        Program(exit_code=3, after_s=1.0, log=["cannot log in with hunter2hunter2"]), service="web"
    )
    secretive = service("web", environment={"DB_PASSWORD": "hunter2hunter2"}, restart="no")
    async with house.daemon() as daemon:
        with pytest.raises(NotHealthy, match="cannot log in with") as failed:
            await daemon.up(
                project(secretive, service("api", depends_on=after("web", condition=HEALTHY)))
            )
    assert "hunter2" not in str(failed.value.to_wire())


@story
async def test_a_failing_up_shows_no_secret_of_a_file(house: House, folder: Path) -> None:
    (folder / "token").write_text("swordfish-7\n", encoding="utf-8")
    house.world.programs.set(
        Program(exit_code=3, after_s=1.0, log=["no entry for swordfish-7 here"]), service="web"
    )
    secret = FileObject(key="token", name="tale_token", file=str(folder / "token"))
    waiting = service("api", depends_on=after("web", condition=HEALTHY))
    async with house.daemon() as daemon:
        with pytest.raises(NotHealthy, match="no entry for") as failed:
            await daemon.up(
                project(service("web", restart="no"), waiting, secrets={"token": secret})
            )
    assert "swordfish" not in str(failed.value.to_wire())


@story
async def test_a_key_printed_line_by_line_is_in_no_case(house: House) -> None:
    """The container is gone: what is known is what was followed while it ran."""
    key = ["-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w", "-----END PRIVATE KEY-----"]
    house.world.programs.set(Program(log=["before", *key, "x" * 100_000]), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await by_hand.docker_rm(house.world, "tale-web-1", force=True)
        await daemon.passes(CALM_S)
        case = await daemon.case(await only_incident(daemon))
    assert case.log_tail is not None
    assert case.log_tail[0] == "before"
    assert not any("MIIEvQ" in line for line in case.log_tail)
    assert max(len(line) for line in case.log_tail) < 5_000
