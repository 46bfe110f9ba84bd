"""What a registry has under a tag now, asked through the engine."""

from __future__ import annotations

import asyncio
import hashlib
import time

import pytest
from registry import running

from support.real_engine import step
from tabib.engines.docker import DockerEngine
from tabib.model.errors import EngineTimeout, TabibError
from tabib.model.plan import Verb

pytestmark = pytest.mark.engine


async def test_the_digest_is_that_of_the_pulled_image(engine: DockerEngine) -> None:
    async with running() as registry:
        reference = f"{registry.host}/box:1"
        digest = await engine.registry_digest(reference)
        assert digest == f"sha256:{hashlib.sha256(registry.manifest).hexdigest()}"
        try:
            done = await engine.apply(step(Verb.PULL_IMAGE, reference))
            images = {image.id: image for image in (await engine.survey()).images}
            assert f"{registry.host}/box@{digest}" in images[done.id].digests
        finally:
            await engine.apply(step(Verb.UNTAG_IMAGE, reference))
        with pytest.raises(TabibError) as error:
            await engine.registry_digest(f"{registry.host}/box:2")
        assert f"{registry.host}/box:2" in str(error.value)


async def test_credentials_are_sent(engine: DockerEngine) -> None:
    async with running(private=True) as registry:
        reference = f"{registry.host}/box:1"
        with pytest.raises(TabibError):
            await engine.registry_digest(reference)
        auth = {registry.host: {"username": "ann", "password": "pw"}}
        assert (await engine.registry_digest(reference, credentials=auth)).startswith("sha256:")


async def test_a_silent_registry_is_not_waited_for(engine: DockerEngine) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    begun = time.monotonic()
    with pytest.raises(EngineTimeout):
        await engine.registry_digest(f"{host}:{port}/box:1", timeout_s=0.5)
    assert time.monotonic() - begun < 3.0
    server.close()
