"""A real engine, a unique prefix for everything that a test makes, and its removal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from support.real_engine import IMAGE, clear, step
from tabib.engines.docker import DockerEngine, connect
from tabib.model.container import ContainerSpec
from tabib.model.plan import Verb
from tabib.model.wire import EndpointAddress


@pytest.fixture
def prefix(project_name: str) -> str:
    return project_name


@pytest.fixture
async def engine(engine_address: EndpointAddress, prefix: str) -> AsyncIterator[DockerEngine]:
    engine = await connect(engine_address)
    try:
        yield engine
    finally:
        await clear(engine, prefix)
        await engine.close()


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
                "labels": {"tabib.test": "1", **fields.get("labels", {})},
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
