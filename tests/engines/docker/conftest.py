"""A real engine, a unique prefix for everything that a test makes, and its removal."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tabib.client.endpoint import resolve_endpoint
from tabib.engines.docker import DockerEngine, connect
from tabib.model.container import ContainerSpec
from tabib.model.plan import Step, Verb
from tabib.model.wire import EndpointAddress

IMAGE = "busybox:1.36"
LABEL = "tabib.test.docker"


@pytest.fixture
def address() -> EndpointAddress:
    return resolve_endpoint(os.environ)


@pytest.fixture
def prefix() -> str:
    return f"tdk-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def engine(address: EndpointAddress, prefix: str) -> AsyncIterator[DockerEngine]:
    engine = await connect(address)
    try:
        yield engine
    finally:
        await _clear(engine, prefix)
        await engine.close()


async def _clear(engine: DockerEngine, prefix: str) -> None:
    seen = await engine.observe(detail=False)
    for verb, things in (
        (Verb.REMOVE_CONTAINER, seen.containers),
        (Verb.REMOVE_NETWORK, seen.networks),
        (Verb.REMOVE_VOLUME, seen.volumes),
    ):
        for thing in things:
            if thing.name.startswith(prefix):
                options = {"force": True, "volumes": True}
                await engine.apply(step(verb, thing.name, options=options))


def step(verb: Verb, target: str, **fields: Any) -> Step:
    return Step(id="s", verb=verb, subject=target, reason="test", target=target, **fields)


@pytest.fixture
def spec(prefix: str) -> Callable[..., ContainerSpec]:
    def make(name: str = "a", **fields: Any) -> ContainerSpec:
        service = {"command": ["sleep", "1000"], "stop_grace_period": "1s"}
        return ContainerSpec(
            **{
                "name": f"{prefix}-{name}",
                "project": prefix,
                "service_name": name,
                "slot": 1,
                "image": IMAGE,
                "network_mode": "none",
                **fields,
                "service": {**service, **fields.get("service", {})},
                "labels": {LABEL: "1", **fields.get("labels", {})},
            }
        )

    return make


Run = Callable[..., Any]


@pytest.fixture
def create(engine: DockerEngine, spec: Callable[..., ContainerSpec]) -> Run:
    """Create (and start, unless told not to) a container; its name."""

    async def make(name: str = "a", *, start: bool = True, **fields: Any) -> str:
        wanted = spec(name, **fields)
        await engine.apply(step(Verb.CREATE_CONTAINER, wanted.name, container=wanted))
        if start:
            await engine.apply(step(Verb.START_CONTAINER, wanted.name))
        return wanted.name

    return make
