"""A service's image booted on restored data, where nobody can reach it and it can reach nobody.

For drills, for loading dumps, and for looking at copies of damaged data. What a dead daemon left
is recognised by its labels and removed by the next one (``leftovers.py``).
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from tabib.decide.redact import Redactor
from tabib.model.backup import Place
from tabib.model.container import LABEL_OWNER, ContainerSpec, ContainerState, Mount
from tabib.model.errors import NotHealthy, TabibError
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Step, Verb
from tabib.operations.tools import Tools
from tabib.ports.uninterrupted import uninterrupted

LABEL_SCRATCH = "tabib.scratch"
"""On what is booted here, beside the label of helpers: what it is for."""
Ready = Callable[[Tools, str], Awaitable[bool]]

START_TIMEOUT_S = 600.0
"""Replaying a write-ahead log takes its time; an image that initialises empty data too."""
MEMORY_BYTES = 2 * 1024**3
"""The most that it gets where the service names no limit of its own."""
STOP_TIMEOUT_S = 120
_POLL_S = 0.2
_SETTLED_S = 2.0
"""What has neither health check nor database counts as started once it has run for so long."""
_TAIL_LINES = 80
_KEPT = (
    *("command", "entrypoint", "environment", "user", "group_add", "working_dir", "platform"),
    *("healthcheck", "init", "stop_signal", "stop_grace_period", "shm_size", "ulimits", "sysctls"),
    *("cap_drop", "security_opt", "read_only", "tmpfs", "userns_mode"),
)
"""Of the service; anything else could reach beyond the scratch, or depend on what is not there."""
_RIGHTS = (
    *("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("SYS_CHROOT", "IPC_LOCK", "SYS_NICE"),
)
"""Capabilities that it keeps where it asks for them."""
_INIT_SCRIPTS = "/docker-entrypoint-initdb.d"
"""What it loads into empty data is in the copy already."""
_RAW_CONFIG = ("Env", "Cmd", "Entrypoint", "User", "WorkingDir", "StopSignal", "Healthcheck")
_RAW_HOST = ("ShmSize", "Ulimits", "Sysctls", "CapDrop", "Tmpfs", "Init", "GroupAdd")


@asynccontextmanager
async def booted(
    tools: Tools,
    spec: ContainerSpec,
    places: Mapping[str, Place],
    *,
    purpose: str,
    ready: Ready | None = None,
    network: str = "none",
    timeout_s: float = START_TIMEOUT_S,
) -> AsyncIterator[str]:
    """Run the service of ``spec`` on ``places`` (mount target → place); the container's id, once
    it is healthy (where it has a health check) and ``ready`` (of its kind) says so too.

    Its other volumes are new and empty and go with it; folders of the host it does not see, single
    files of it only to read. ``network``: the engine's name of one that leads nowhere else.

    :raises NotHealthy: it ended or was not ready in time; with the end of what it said.
    :raises ImageUnavailable: its image is not on the engine.
    """
    name = f"tabib-{purpose}-{tools.new_id()}"
    wanted = _alone(tools, spec, places, name, purpose, network)
    create = _step(Verb.CREATE_CONTAINER, name, container=wanted)
    making = asyncio.ensure_future(tools.engine.apply(create))
    try:
        container = (await asyncio.shield(making)).id
        await tools.engine.apply(_step(Verb.START_CONTAINER, container))
        await _until_ready(tools, container, spec, ready, timeout_s)
        yield container
    finally:
        await uninterrupted(_removed(tools, making))


async def stop(tools: Tools, container: str) -> None:
    """Stop it in good order, so that what it has written is whole.

    :raises NotHealthy: it had to be killed.
    """
    options = {"timeout_s": STOP_TIMEOUT_S}
    await tools.engine.apply(_step(Verb.STOP_CONTAINER, container, options=options))
    state = await tools.engine.look(container)
    if state.exit_code == 137:
        raise NotHealthy(
            f"it did not stop within {STOP_TIMEOUT_S} s and was killed",
            attempted="stop",
            target=state.name,
            advice="Its data may be incomplete: try again when the machine has less to do.",
        )


def _step(verb: Verb, target: str, **fields: Any) -> Step:
    # Not by a plan: a helper is nobody's service, and no later plan would have to know of it.
    return Step(id=verb.value, verb=verb, subject=target, reason="scratch", target=target, **fields)


async def _removed(tools: Tools, making: asyncio.Future[Any]) -> None:
    with suppress(TabibError):
        await remove(tools, (await making).id)


async def remove(tools: Tools, container: str) -> None:
    """Remove a helper, running or not, and what is its alone. Idempotent."""
    options = {"force": True, "volumes": True}
    await tools.engine.apply(_step(Verb.REMOVE_CONTAINER, container, options=options))


# ── what is booted ─────────────────────────────────────────────────────────────────────────────


def _alone(
    tools: Tools,
    spec: ContainerSpec,
    places: Mapping[str, Place],
    name: str,
    purpose: str,
    network: str,
) -> ContainerSpec:
    labels = {LABEL_HELPER: purpose, LABEL_SCRATCH: purpose, LABEL_OWNER: tools.installation}
    common = replace(
        spec,
        name=name,
        project="",
        slot=1,
        labels=labels,
        endpoints=(),
        network_mode=network,
        oneoff=False,
        tty=False,
        stdin_open=False,
    )
    if spec.raw is not None:
        return replace(common, raw=_raw(tools, spec.raw, places, network), mounts=(), service={})
    service = {key: value for key, value in spec.service.items() if key in _KEPT}
    asked = (str(one).upper() for one in spec.service.get("cap_add") or ())
    service["cap_add"] = [one for one in asked if one.removeprefix("CAP_") in _RIGHTS]
    service["mem_limit"] = _memory(spec.service) or MEMORY_BYTES
    mounts = [Mount(type=p.type, source=p.source, target=t) for t, p in places.items()]
    mounts += [one for m in spec.mounts if (one := _instead(tools, m, places)) is not None]
    return replace(common, service=service, mounts=tuple(mounts))


def _memory(service: Mapping[str, Any]) -> int:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return int(limits.get("memory") or service.get("mem_limit") or 0)


def _instead(tools: Tools, mount: Mount, places: Mapping[str, Place]) -> Mount | None:
    """What stands for another mount of the service; None: nothing does."""
    target = mount.target.rstrip("/") or "/"
    if target in {one.rstrip("/") for one in places} or target.startswith(_INIT_SCRIPTS):
        return None
    if mount.type in ("tmpfs", "image"):
        return mount
    if mount.type == "bind":
        if _is_file(tools, mount.source):
            return replace(mount, read_only=True)
        if not mount.read_only or mount.source in ("/", "/var/run", "/run"):
            return Mount(type="volume", target=mount.target)
        return mount
    return Mount(type="volume", target=mount.target)


def _is_file(tools: Tools, path: str) -> bool:
    """A configuration file of the host; a socket is none."""
    if not tools.info.local:
        return False
    with suppress(OSError):
        return stat.S_ISREG(os.stat(path).st_mode)
    return False


def _raw(
    tools: Tools, raw: Mapping[str, Any], places: Mapping[str, Place], network: str
) -> dict[str, Any]:
    """The creation body of a container that somebody else made, as far as it may be here."""
    host = raw.get("HostConfig") or {}
    body = {key: raw[key] for key in _RAW_CONFIG if raw.get(key) is not None}
    mounts: list[dict[str, Any]] = [
        {"Type": place.type, "Source": place.source, "Target": target}
        for target, place in places.items()
    ]
    for mount in _raw_mounts(host):
        stand_in = _instead(tools, mount, places)
        if stand_in is not None:
            mounts.append(
                {
                    "Type": stand_in.type,
                    "Source": stand_in.source,
                    "Target": stand_in.target,
                    "ReadOnly": stand_in.read_only,
                }
            )
    body["HostConfig"] = {
        **{key: host[key] for key in _RAW_HOST if host.get(key)},
        "Mounts": mounts,
        "NetworkMode": network,
        "Memory": int(host.get("Memory") or MEMORY_BYTES),
    }
    return body


def _raw_mounts(host: Mapping[str, Any]) -> list[Mount]:
    found = []
    for bind in host.get("Binds") or ():
        source, _, rest = str(bind).partition(":")
        target, _, options = rest.partition(":")
        kind = "bind" if source.startswith("/") else "volume"
        read_only = "ro" in options.split(",")
        found.append(Mount(type=kind, source=source, target=target, read_only=read_only))
    found.extend(
        Mount(
            type=str(mount.get("Type")),
            source=str(mount.get("Source") or ""),
            target=str(mount.get("Target")),
            read_only=bool(mount.get("ReadOnly")),
        )
        for mount in host.get("Mounts") or ()
    )
    return found


# ── until it answers ───────────────────────────────────────────────────────────────────────────


async def _until_ready(
    tools: Tools, container: str, spec: ContainerSpec, ready: Ready | None, timeout_s: float
) -> None:
    clock = tools.clock
    begun = clock.monotonic()
    while True:
        state = await tools.engine.look(container)
        if state.status != "running":
            happened = f"it ended with exit code {state.exit_code}"
            raise await _not_ready(tools, state, spec, happened)
        if state.health == "unhealthy":
            raise await _not_ready(tools, state, spec, "its health check fails")
        ran = clock.monotonic() - begun
        if state.health in ("", "healthy"):
            if ready is not None:
                if await ready(tools, container):
                    return
            elif state.health or ran >= _SETTLED_S:
                return
        if ran > timeout_s:
            happened = f"it was not ready within {timeout_s:g} s"
            raise await _not_ready(tools, state, spec, happened)
        await clock.sleep(_POLL_S)


async def _not_ready(
    tools: Tools, state: ContainerState, spec: ContainerSpec, happened: str
) -> NotHealthy:
    tail = await tail_of(tools, state.id)
    told = f": {' | '.join(tail[-3:])}" if tail else " and said nothing"
    return NotHealthy(
        happened + told,
        attempted="boot on restored data",
        target=spec.service_name or spec.name,
        advice="The lines above are the end of what it said.",
        details={"log_tail": tail, "exit_code": state.exit_code},
    )


async def tail_of(tools: Tools, container: str, lines: int = _TAIL_LINES) -> list[str]:
    """The end of what it said, without secrets."""
    redactor = Redactor.knowing()
    with suppress(TabibError):
        redactor = tools.secrets.redactor(await tools.engine.inspect(container))
    found: list[str] = []
    with suppress(TabibError):
        found = [one.text async for one in tools.engine.logs(container, tail=lines)]
    return redactor.lines(found)
