"""The physical limit: the same engine calls, raw and concurrently, without any orchestrator."""

from __future__ import annotations

import asyncio
import os
import time

import aiohttp

SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
PARALLEL = 10
PREFIX = "tabib-floor"


async def up(count: int, image: str) -> float:
    """Seconds for one network and ``count`` containers, created and started; removed after."""
    connector = aiohttp.UnixConnector(SOCKET, limit=0)
    async with aiohttp.ClientSession(connector=connector, base_url="http://engine") as engine:
        await _remove(engine, count)
        begun = time.perf_counter()
        await _post(engine, "/networks/create", {"Name": PREFIX, "Driver": "bridge"})
        gate = asyncio.Semaphore(PARALLEL)

        async def one(number: int) -> None:
            async with gate:
                body = _body(image, f"s{number:02}")
                await _post(engine, f"/containers/create?name={PREFIX}-{number}", body)
            async with gate:
                await _post(engine, f"/containers/{PREFIX}-{number}/start", None)

        try:
            await asyncio.gather(*(one(number) for number in range(count)))
            return time.perf_counter() - begun
        finally:
            await _remove(engine, count)


async def replace(image: str) -> float:
    """Seconds to create and start one container on an existing network; removed after."""
    connector = aiohttp.UnixConnector(SOCKET, limit=0)
    async with aiohttp.ClientSession(connector=connector, base_url="http://engine") as engine:
        await _remove(engine, 1)
        await _post(engine, "/networks/create", {"Name": PREFIX, "Driver": "bridge"})
        try:
            begun = time.perf_counter()
            await _post(engine, f"/containers/create?name={PREFIX}-0", _body(image, "s"))
            await _post(engine, f"/containers/{PREFIX}-0/start", None)
            return time.perf_counter() - begun
        finally:
            await _remove(engine, 1)


def _body(image: str, alias: str) -> dict[str, object]:
    return {
        "Image": image,
        "Cmd": ["sleep", "1000000"],
        "HostConfig": {"NetworkMode": PREFIX, "Init": True},
        "NetworkingConfig": {"EndpointsConfig": {PREFIX: {"Aliases": [alias]}}},
    }


async def _post(engine: aiohttp.ClientSession, path: str, body: object) -> None:
    async with engine.post(path, json=body) as answer:
        if answer.status >= 400:
            raise SystemExit(f"{path}: {answer.status} {await answer.text()}")


async def _remove(engine: aiohttp.ClientSession, count: int) -> None:
    async def one(number: int) -> None:
        async with engine.delete(f"/containers/{PREFIX}-{number}?force=1"):
            return

    await asyncio.gather(*(one(number) for number in range(count)))
    async with engine.delete(f"/networks/{PREFIX}"):
        return
