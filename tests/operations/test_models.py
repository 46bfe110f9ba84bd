"""The models of releases: opened once, and never the wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tabib.model.project import Project
from tabib.model.release import Release
from tabib.operations.models import Models
from tabib.operations.secrets import Secrets
from tabib.stores.seal import seal_project


class CountingVault:
    """A vault that hides nothing, and counts."""

    opened = 0

    async def seal(self, values: Sequence[str]) -> list[str]:
        return [f"vault:{one}" for one in values]

    async def open(self, references: Sequence[str]) -> list[str]:
        self.opened += 1
        return [one.removeprefix("vault:") for one in references]


async def _release(vault: CountingVault, word: str) -> Release:
    project = Project(name="shop", working_dir="/srv", extensions={"x-tabib": {"note": word}})
    return Release(
        number=1,
        project="shop",
        engine_id="e",
        cluster="default",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        by="",
        reason="",
        config_hash="a",
        model=await seal_project(project, vault),
    )


async def test_a_release_is_opened_once() -> None:
    vault, models, secrets = CountingVault(), Models(), Secrets()
    release = await _release(vault, "one")
    first = await models.of(release, vault, secrets)
    assert await models.of(replace(release, verdict="good"), vault, secrets) is first
    assert vault.opened == 1


async def test_a_project_begun_anew_is_not_taken_for_the_one_before() -> None:
    vault, models, secrets = CountingVault(), Models(), Secrets()
    release = await _release(vault, "one")
    await models.of(release, vault, secrets)
    anew = await _release(vault, "two")
    later = replace(anew, created_at=release.created_at + timedelta(seconds=1))
    found = await models.of(later, vault, secrets)
    assert found is not None
    assert found.extensions == {"x-tabib": {"note": "two"}}


async def test_an_adopted_project_has_none() -> None:
    vault = CountingVault()
    release = replace(await _release(vault, "one"), model={"adopted": {}})
    assert await Models().of(release, vault, Secrets()) is None
