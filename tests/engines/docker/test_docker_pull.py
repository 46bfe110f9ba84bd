"""Pulling from a registry: progress, credentials, and each way in which it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from registry import Registry, running

from support.real_engine import step
from tabib.engines.docker import DockerEngine
from tabib.model.errors import ImageUnavailable
from tabib.model.plan import StepProgress, Verb

pytestmark = pytest.mark.engine


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with running() as registry:
        yield registry


async def pull(engine: DockerEngine, reference: str, **fields: Any) -> str:
    done = await engine.apply(step(Verb.PULL_IMAGE, reference), **fields)
    return done.id


async def test_progress_adds_up_and_the_result_is_the_image(
    engine: DockerEngine, registry: Registry
) -> None:
    reference = f"{registry.host}/box:1"
    seen: list[StepProgress] = []
    try:
        identity = await pull(engine, reference, progress=seen.append)
        images = (await engine.observe("none", images=(reference,))).images
        assert images[reference].id == identity
        assert images[reference].digests[0].startswith(f"{registry.host}/box@sha256:")
        assert seen[-1].text == "2/2 layers"
        assert seen[-1].current_bytes == seen[-1].total_bytes
        total = seen[-1].total_bytes
        assert total is not None
        assert total > 2_900_000
        assert all(each.step_id == "s" for each in seen)
    finally:
        await engine.apply(step(Verb.UNTAG_IMAGE, reference))


async def test_credentials_of_the_registry_are_sent(engine: DockerEngine) -> None:
    async with running(private=True) as registry:
        reference = f"{registry.host}/box:1"
        with pytest.raises(ImageUnavailable) as caught:
            await pull(engine, reference)
        assert caught.value.details["code"] == "image.denied"
        assert "docker login" in caught.value.advice
        auth = {"username": "ann", "password": "pw"}
        try:
            assert await pull(engine, reference, credentials={registry.host: auth})
        finally:
            await engine.apply(step(Verb.UNTAG_IMAGE, reference))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("box:absent", "image.not-found"),
        ("box:foreign", "image.platform"),
        ("limited/box:1", "image.rate-limit"),
        ("Upper:1", "image.invalid-reference"),
        ("box:bad!tag", "image.invalid-reference"),
    ],
)
async def test_each_failure_has_its_code(
    engine: DockerEngine, registry: Registry, name: str, code: str
) -> None:
    with pytest.raises(ImageUnavailable) as caught:
        await pull(engine, f"{registry.host}/{name}")
    assert caught.value.details["code"] == code, caught.value.details
    assert caught.value.target == f"{registry.host}/{name}"


async def test_a_registry_that_is_not_there(engine: DockerEngine) -> None:
    with pytest.raises(ImageUnavailable) as caught:
        await pull(engine, "127.0.0.1:9/box:1")
    assert caught.value.details["code"] == "image.registry-unreachable"
