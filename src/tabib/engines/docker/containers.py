"""Steps on one container."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tabib.engines.docker.archives import put_files
from tabib.engines.docker.call import CHANGE_DEADLINE_S, CREATE, START, Call, segment
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.hooks import after_start, before_stop
from tabib.engines.docker.translate.creation import Creation, creation
from tabib.model.container import ContainerSpec
from tabib.model.errors import Bug, Conflict, EngineTimeout, NotFound, PortTaken, TabibError
from tabib.model.plan import Step, StepResult

STOP_SIGNAL_SINCE = (1, 42)
_DEFAULT_GRACE_S = 10.0
_POLL_S = 0.05
_POLL_LONGEST_S = 1.0


def _call(attempted: str, step: Step, deadline_s: float = CHANGE_DEADLINE_S) -> Call:
    return Call(attempted=attempted, target=step.subject or step.target, deadline_s=deadline_s)


def _path(step: Step, action: str = "") -> str:
    return f"/containers/{segment(step.target)}{action}"


async def create(gateway: Gateway, step: Step) -> StepResult:
    """Create with every network and file in place; on any failure nothing is left behind."""
    spec = step.container
    if spec is None:
        raise Bug("a create step without a container", target=step.subject)
    call = Call(attempted=CREATE, target=spec.name, deadline_s=CHANGE_DEADLINE_S)
    made = creation(spec, gateway.api, gateway.address.url)
    params = {"name": spec.name}
    if made.platform:
        params["platform"] = made.platform
    answer = await gateway.post(call, "/containers/create", params, made.body)
    identity = str(answer["Id"])
    try:
        await _complete(gateway, call, identity, made, spec)
    except BaseException:
        # half-made, it would pass for the real one at the next look
        await asyncio.shield(_discard(gateway, identity))
        raise
    return StepResult(id=identity, warnings=tuple(answer.get("Warnings") or ()))


async def _complete(
    gateway: Gateway, call: Call, identity: str, made: Creation, spec: ContainerSpec
) -> None:
    for network, settings in made.connect:
        body = {"Container": identity, "EndpointConfig": settings}
        await gateway.post(call, f"/networks/{segment(network)}/connect", body=body)
    if spec.files:
        await put_files(gateway, call, identity, spec.files)


async def _discard(gateway: Gateway, identity: str) -> None:
    call = Call(attempted="remove container", target=identity, deadline_s=CHANGE_DEADLINE_S)
    try:
        await gateway.delete(call, f"/containers/{identity}", {"force": "1", "v": "1"})
    except TabibError:
        return  # the failure that led here is the one to report


async def start(gateway: Gateway, step: Step) -> StepResult:
    """Start, and run the hooks that come after it; what runs already is fine."""
    try:
        await gateway.post(_call(START, step), _path(step, "/start"))
    except PortTaken as error:
        await _explain_port(gateway, step, error)
        raise
    await after_start(gateway, step)
    return StepResult()


async def _explain_port(gateway: Gateway, step: Step, error: PortTaken) -> None:
    """Add the protocol, where the engine did not say it, and the container that has the port."""
    port = error.details.get("port")
    call = Call(attempted="find who uses a port", target=str(port))
    try:
        if "protocol" not in error.details:
            inspection = await gateway.get(call, _path(step, "/json"))
            error.details["protocol"] = _protocol_of(inspection, str(port))
        rows = await gateway.get(call, "/containers/json", {})
    except TabibError:
        return
    for row in rows:
        for entry in row.get("Ports") or ():
            same = entry.get("Type") == error.details["protocol"]
            if same and entry.get("PublicPort") == port:
                error.details["holder"] = row["Names"][0].lstrip("/")
                error.happened = f"port {port} is already in use by {error.details['holder']}"
                return


def _protocol_of(inspection: Mapping[str, Any], port: str) -> str:
    bindings = (inspection.get("HostConfig") or {}).get("PortBindings") or {}
    for key, hosts in bindings.items():
        if any(host.get("HostPort") == port for host in hosts or ()):
            return str(key).partition("/")[2]
    return "tcp"


async def stop(gateway: Gateway, step: Step) -> StepResult:
    """Stop within ``timeout_s`` (the container's own grace where None); gone is stopped.

    Its hooks run first, outside that time.
    """
    signal = str(step.options.get("signal") or "")
    warnings = await before_stop(gateway, step)
    try:
        grace_s = await _grace_s(gateway, step)
        call = _call("stop container", step, grace_s + CHANGE_DEADLINE_S)
        if signal and gateway.api < STOP_SIGNAL_SINCE:
            await _stop_by_hand(gateway, step, signal, grace_s)
            return StepResult(warnings=warnings)
        params = _timeout(step)
        if signal:
            params["signal"] = signal
        await gateway.post(call, _path(step, "/stop"), params)
    except NotFound:
        pass
    return StepResult(warnings=warnings)


async def restart(gateway: Gateway, step: Step) -> StepResult:
    """Stop and start as one call of the engine, between the hooks for either."""
    signal = str(step.options.get("signal") or "")
    if signal and gateway.api < STOP_SIGNAL_SINCE:
        stopped = await stop(gateway, step)
        await start(gateway, step)
        return stopped
    warnings = await before_stop(gateway, step)
    params = _timeout(step) | ({"signal": signal} if signal else {})
    grace_s = await _grace_s(gateway, step)
    call = _call("restart container", step, grace_s + CHANGE_DEADLINE_S)
    try:
        await gateway.post(call, _path(step, "/restart"), params)
    except PortTaken as error:
        await _explain_port(gateway, step, error)
        raise
    await after_start(gateway, step)
    return StepResult(warnings=warnings)


def _timeout(step: Step) -> dict[str, str]:
    timeout_s = step.options.get("timeout_s")
    return {} if timeout_s is None else {"t": str(round(float(timeout_s)))}


async def _grace_s(gateway: Gateway, step: Step) -> float:
    """How long the engine will wait before it kills: the call must not give up before."""
    timeout_s = step.options.get("timeout_s")
    if timeout_s is not None:
        return max(float(timeout_s), 0.0)
    inspection = await gateway.get(_call("stop container", step), _path(step, "/json"))
    written = inspection["Config"].get("StopTimeout")
    return _DEFAULT_GRACE_S if written is None else max(float(written), 0.0)


async def _stop_by_hand(gateway: Gateway, step: Step, signal: str, grace_s: float) -> None:
    """Engines before 23.0 stop with the container's own signal only."""
    call = _call("stop container", step)
    try:
        await gateway.post(call, _path(step, "/kill"), {"signal": signal})
    except Conflict:
        return  # it does not run
    waiting = Call(attempted=call.attempted, target=call.target, deadline_s=grace_s)
    try:
        await gateway.post(waiting, _path(step, "/wait"))
    except EngineTimeout:
        await gateway.post(call, _path(step, "/stop"), {"t": "0"})


async def kill(gateway: Gateway, step: Step) -> StepResult:
    """Send a signal. Raises Conflict where the container does not run."""
    params = {"signal": str(step.options.get("signal") or "SIGKILL")}
    await gateway.post(_call("kill container", step), _path(step, "/kill"), params)
    return StepResult()


async def pause(gateway: Gateway, step: Step) -> StepResult:
    """Freeze; what is frozen already is fine."""
    return await _toggle(gateway, step, "pause", wanted=True)


async def unpause(gateway: Gateway, step: Step) -> StepResult:
    """Thaw; what runs already is fine."""
    return await _toggle(gateway, step, "unpause", wanted=False)


async def _toggle(gateway: Gateway, step: Step, action: str, *, wanted: bool) -> StepResult:
    call = _call(f"{action} container", step)
    try:
        await gateway.post(call, _path(step, f"/{action}"))
    except TabibError as error:
        if isinstance(error, NotFound):
            raise
        # the engine's status for "is already so" differs between versions: ask what is
        state = (await gateway.get(call, _path(step, "/json")))["State"]
        if not (state["Running"] and bool(state["Paused"]) is wanted):
            raise
    return StepResult()


async def remove(gateway: Gateway, step: Step) -> StepResult:
    """Remove, and come back when it is gone; what is not there is removed."""
    call = _call("remove container", step)
    params = {
        "force": "1" if step.options.get("force") else "0",
        "v": "1" if step.options.get("volumes") else "0",
    }
    try:
        await gateway.delete(call, _path(step), params)
    except NotFound:
        pass
    except Conflict as error:
        if "already in progress" not in error.happened:
            raise
        await _until_gone(gateway, step, call)
    return StepResult()


async def _until_gone(gateway: Gateway, step: Step, call: Call) -> None:
    pause_s = _POLL_S
    try:
        async with asyncio.timeout(CHANGE_DEADLINE_S):
            while True:
                await gateway.get(call, _path(step, "/json"))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _POLL_LONGEST_S)
    except NotFound:
        return
    except TimeoutError as error:
        raise EngineTimeout(
            f"its removal has not ended within {CHANGE_DEADLINE_S:g} seconds",
            attempted=call.attempted,
            target=call.target,
            advice="Look again with `docker ps -a`; the engine's log says what holds it.",
        ) from error


async def rename(gateway: Gateway, step: Step) -> StepResult:
    """Rename; a container that has the name already is fine."""
    name = str(step.options["name"])
    call = _call("rename container", step)
    try:
        await gateway.post(call, _path(step, "/rename"), {"name": name})
    except TabibError as error:
        if "same name" not in str(error.details.get("engine", error.happened)):
            raise
    return StepResult()
