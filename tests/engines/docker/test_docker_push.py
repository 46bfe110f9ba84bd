"""Pushing to a registry: what arrives there, who may, and what the releases need of it."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Iterator

import pytest
from upload_registry import PASSWORD, USER, UploadRegistry, taking_uploads

from support.real_engine import IMAGE, step
from tabib.engines.docker import DockerEngine
from tabib.model.build import BuildSpec
from tabib.model.errors import ImageUnavailable
from tabib.model.plan import StepProgress, Verb

pytestmark = pytest.mark.engine


@pytest.fixture
def registry() -> Iterator[UploadRegistry]:
    with taking_uploads() as registry:
        yield registry


async def context() -> AsyncIterator[bytes]:
    """An image that no registry has a layer of."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        files = {"Dockerfile": f"FROM {IMAGE}\nCOPY f /f\n".encode(), "f": os.urandom(500_000)}
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    yield buffer.getvalue()


async def test_what_was_built_arrives_whole_and_comes_back(
    engine: DockerEngine, registry: UploadRegistry
) -> None:
    reference = f"{registry.host}/team/box:2"
    credentials = {registry.host: {"username": USER, "password": PASSWORD}}
    built = await engine.build(
        step(Verb.BUILD_IMAGE, reference, build=BuildSpec(tags=(reference,))), context()
    )
    seen: list[StepProgress] = []
    try:
        pushed = await engine.apply(
            step(Verb.PUSH_IMAGE, reference), progress=seen.append, credentials=credentials
        )
        _, manifest = registry.manifests["team/box", "2"]
        assert json.loads(manifest)["config"]["digest"] == built.id
        assert ("team/box", pushed.id) in registry.manifests, "its id is the registry's digest"
        assert seen[-1].text == "2/2 layers"
        assert (seen[-1].current_bytes or 0) >= 500_000
        images = (await engine.observe("none", images=(reference,), detail=False)).images
        assert images[reference].digests == (f"{registry.host}/team/box@{pushed.id}",)
        await engine.apply(step(Verb.UNTAG_IMAGE, reference))
        pulled = await engine.apply(step(Verb.PULL_IMAGE, reference), credentials=credentials)
        assert pulled.id == built.id
    finally:
        await engine.apply(step(Verb.UNTAG_IMAGE, reference))


async def test_a_base_image_of_a_private_registry(
    engine: DockerEngine, registry: UploadRegistry
) -> None:
    """Credentials reach a build too: its base is pulled with them, and not without."""
    base, made = f"{registry.host}/base:1", f"{registry.host}/made:1"
    credentials = {registry.host: {"username": USER, "password": PASSWORD}}
    for reference in (base, made):
        options = {"repository": reference.rpartition(":")[0], "tag": "1"}
        await engine.apply(step(Verb.TAG_IMAGE, IMAGE, options=options))
    try:
        await engine.apply(step(Verb.PUSH_IMAGE, base), credentials=credentials)
        await engine.apply(step(Verb.UNTAG_IMAGE, base))
        spec = BuildSpec(tags=(made,), text=f"FROM {base}\n", pull=True)
        wanted = step(Verb.BUILD_IMAGE, made, build=spec)
        with pytest.raises(ImageUnavailable) as caught:
            await engine.build(wanted, _only(f"FROM {base}\n"))
        assert caught.value.details["code"] == "image.denied"
        await engine.build(wanted, _only(f"FROM {base}\n"), credentials=credentials)
    finally:
        for reference in (base, made):
            await engine.apply(step(Verb.UNTAG_IMAGE, reference))


async def _only(dockerfile: str) -> AsyncIterator[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile)
        archive.addfile(info, io.BytesIO(dockerfile.encode()))
    yield buffer.getvalue()


async def test_a_push_without_the_right_credentials(
    engine: DockerEngine, registry: UploadRegistry
) -> None:
    reference = f"{registry.host}/box:1"
    options = {"repository": f"{registry.host}/box", "tag": "1"}
    await engine.apply(step(Verb.TAG_IMAGE, IMAGE, options=options))
    wrong = {registry.host: {"username": USER, "password": "no"}}
    try:
        for credentials in (None, wrong):
            with pytest.raises(ImageUnavailable) as caught:
                await engine.apply(step(Verb.PUSH_IMAGE, reference), credentials=credentials)
            assert caught.value.details["code"] == "image.denied"
            assert "docker login" in caught.value.advice
        assert not registry.manifests
    finally:
        await engine.apply(step(Verb.UNTAG_IMAGE, reference))


async def test_a_registry_that_does_not_answer(engine: DockerEngine) -> None:
    options = {"repository": "127.0.0.1:1/box", "tag": "1"}
    await engine.apply(step(Verb.TAG_IMAGE, IMAGE, options=options))
    try:
        with pytest.raises(ImageUnavailable) as caught:
            await engine.apply(step(Verb.PUSH_IMAGE, "127.0.0.1:1/box:1"))
        assert caught.value.details["code"] == "image.registry-unreachable"
    finally:
        await engine.apply(step(Verb.UNTAG_IMAGE, "127.0.0.1:1/box:1"))
