"""Running a command in a running container, without terminal or input."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tabib.engines.docker.call import READ_DEADLINE_S, Call, segment
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.streams import frames
from tabib.model.container import ExecResult
from tabib.model.errors import EngineTimeout


async def run_exec(
    gateway: Gateway, container: str, argv: Sequence[str], user: str, timeout_s: float
) -> ExecResult:
    """See :meth:`tabib.ports.Engine.exec`.

    :raises EngineTimeout: it has not ended in time. The engine has no way to end it: it goes on.
    """
    return await execute(gateway, container, {"Cmd": list(argv), "User": user}, timeout_s)


async def execute(
    gateway: Gateway, container: str, config: Mapping[str, Any], timeout_s: float
) -> ExecResult:
    """As :func:`run_exec`, with ``config`` as the API's exec configuration."""
    call = Call(attempted="execute in container", target=container, deadline_s=READ_DEADLINE_S)
    body = {**config, "AttachStdout": True, "AttachStderr": True}
    made = await gateway.post(call, f"/containers/{segment(container)}/exec", body=body)
    identity = str(made["Id"])
    try:
        async with asyncio.timeout(timeout_s):
            output = await _run(gateway, call, identity)
    except TimeoutError as error:
        program = next(iter(config["Cmd"]), "the command")
        raise EngineTimeout(
            f"{program} has not ended within {timeout_s:g} seconds",
            attempted=call.attempted,
            target=call.target,
            advice="It runs on inside the container; allow it more time or find out what holds it.",
        ) from error
    state = await gateway.get(call, f"/exec/{identity}/json")
    return ExecResult(
        exit_code=int(state.get("ExitCode") or 0),
        stdout=bytes(output["stdout"]),
        stderr=bytes(output["stderr"]),
    )


async def _run(gateway: Gateway, call: Call, identity: str) -> dict[str, bytearray]:
    output = {"stdout": bytearray(), "stderr": bytearray()}
    request = ("POST", f"/exec/{identity}/start")
    headers = {"Content-Type": "application/json"}
    body = b'{"Detach":false,"Tty":false}'
    async with gateway.stream(call, request, body=body, headers=headers) as response:
        async for stream, payload in frames(response.content.iter_any()):
            output[stream] += payload
    return output
