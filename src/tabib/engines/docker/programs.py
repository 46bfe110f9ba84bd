"""Programs with their streams: in somebody's container, or in a helper container of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from tabib.engines.docker.archives import put_files
from tabib.engines.docker.call import CHANGE_DEADLINE_S, CREATE, START, Call, segment
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.hijack import Hijacked
from tabib.engines.docker.streams import joined
from tabib.model.container import Mount
from tabib.model.errors import ImageUnavailable, NotFound, TabibError
from tabib.model.oneshot import LABEL_HELPER, OneShot
from tabib.ports.uninterrupted import uninterrupted

_WRITABLE = {"/tmp": "", "/run": ""}
_POLL_S = 0.02
_REMOVAL_PAUSES_S = (0.1, 0.5, 2.0)
"""A container that ends by itself while it is removed by force, the engine refuses to remove; a
moment later it does not."""


class ExecProcess:
    """See :class:`tabib.ports.Process`; the engine cannot signal such a program."""

    def __init__(self, gateway: Gateway, call: Call, identity: str, wire: Hijacked) -> None:
        self._gateway = gateway
        self._call = call
        self._identity = identity
        self._wire = wire

    async def write(self, data: bytes) -> None:
        await self._wire.write(data)

    async def end_input(self) -> None:
        self._wire.end_input()

    def output(self) -> AsyncIterator[tuple[str, bytes]]:
        return joined(self._wire.chunks())

    async def exit_code(self) -> int:
        while True:
            state = await self._gateway.get(self._call, f"/exec/{self._identity}/json")
            if not state.get("Running"):
                return int(state.get("ExitCode") or 0)
            await asyncio.sleep(_POLL_S)

    async def signal(self, name: str) -> None:
        return None


class OneShotProcess:
    """See :class:`tabib.ports.Process`. Input has a connection of its own: closing that ends it,
    over TLS as well, where half a connection cannot be closed."""

    def __init__(
        self,
        gateway: Gateway,
        spec: OneShot,
        identity: str,
        wires: tuple[Hijacked, Hijacked | None],
    ) -> None:
        self._gateway = gateway
        self._spec = spec
        self._identity = identity
        self._out, self._in = wires

    async def write(self, data: bytes) -> None:
        if self._in is not None:
            await self._in.write(data)

    async def end_input(self) -> None:
        wire, self._in = self._in, None
        if wire is not None:
            await wire.close()

    def output(self) -> AsyncIterator[tuple[str, bytes]]:
        return joined(self._out.chunks())

    async def exit_code(self) -> int:
        call = Call(attempted="wait for", target=self._spec.purpose, deadline_s=None)
        answer = await self._gateway.post(call, f"/containers/{self._identity}/wait")
        return int(answer["StatusCode"])

    async def signal(self, name: str) -> None:
        call = Call(attempted="signal", target=self._spec.purpose)
        with suppress(TabibError):  # it has ended
            await self._gateway.post(
                call, f"/containers/{self._identity}/kill", {"signal": f"SIG{name}"}
            )

    async def refuse_input_at_its_end(self) -> None:
        """The engine goes on taking input for a program that has ended, until its buffers are full,
        and then holds the writer up for ever."""
        with suppress(TabibError):
            await self.exit_code()
        if self._in is not None:
            await self._in.abort()

    async def close(self) -> None:
        wire, self._in = self._in, None
        if wire is not None:
            await wire.abort()
        await self._out.abort()


@asynccontextmanager
async def start_exec(
    gateway: Gateway,
    container: str,
    argv: Sequence[str],
    *,
    user: str = "",
    environment: Mapping[str, str] | None = None,
    stdin: bool = False,
) -> AsyncIterator[ExecProcess]:
    """See :meth:`tabib.ports.Engine.start_exec`."""
    call = Call(attempted="execute in container", target=container)
    body = {
        "Cmd": list(argv),
        "User": user,
        "Env": [f"{name}={value}" for name, value in (environment or {}).items()],
        "AttachStdin": stdin,
        "AttachStdout": True,
        "AttachStderr": True,
    }
    made = await gateway.post(call, f"/containers/{segment(container)}/exec", body=body)
    identity = str(made["Id"])
    started = {"Detach": False, "Tty": False}
    wire = await gateway.hijack(call, f"/exec/{identity}/start", body=started)
    try:
        yield ExecProcess(gateway, call, identity, wire)
    finally:
        await wire.abort()


@asynccontextmanager
async def start_one_shot(gateway: Gateway, spec: OneShot) -> AsyncIterator[OneShotProcess]:
    """See :meth:`tabib.ports.Engine.start_one_shot`."""
    call = Call(attempted=CREATE, target=spec.purpose, deadline_s=CHANGE_DEADLINE_S)
    identity = await _created(gateway, call, spec)
    process: OneShotProcess | None = None
    watching: asyncio.Task[None] | None = None
    try:
        if spec.files:
            await put_files(gateway, call, identity, spec.files)
        process = await _attach_and_start(gateway, spec, identity)
        if spec.stdin:
            watching = asyncio.create_task(process.refuse_input_at_its_end())
        yield process
    finally:
        await uninterrupted(_end(gateway, identity, spec, process, watching))


async def _end(
    gateway: Gateway,
    identity: str,
    spec: OneShot,
    process: OneShotProcess | None,
    watching: asyncio.Task[None] | None,
) -> None:
    try:
        if watching is not None:
            watching.cancel()
            await asyncio.wait({watching})
        if process is not None:
            await process.close()
    finally:
        await _remove(gateway, identity, spec)


async def _created(gateway: Gateway, call: Call, spec: OneShot) -> str:
    """Its id. Broken off, its answer is awaited all the same: the engine makes what it was asked
    for, and only its answer says what has to be removed."""
    creating = asyncio.ensure_future(_create(gateway, call, spec))
    try:
        return await asyncio.shield(creating)
    except asyncio.CancelledError:
        await uninterrupted(_uncreate(gateway, spec, creating))
        raise


async def _uncreate(gateway: Gateway, spec: OneShot, creating: asyncio.Future[str]) -> None:
    with suppress(TabibError):
        await _remove(gateway, await creating, spec)


async def _create(gateway: Gateway, call: Call, spec: OneShot) -> str:
    for mount in spec.mounts:
        if mount.type == "volume" and mount.source:
            # The engine would make one that is not there, and what was lost would be copied empty.
            look = Call(attempted="mount volume", target=mount.source)
            await gateway.get(look, f"/volumes/{segment(mount.source)}")
    params = {"name": spec.name} if spec.name else None
    try:
        answer = await gateway.post(call, "/containers/create", params, _body(spec))
    except NotFound as error:
        if "image" not in error.happened.lower():
            raise
        raise ImageUnavailable(
            "its image is not on this engine",
            attempted=f"run a helper for {spec.purpose} from",
            target=spec.image,
        ) from error
    return str(answer["Id"])


async def _attach_and_start(gateway: Gateway, spec: OneShot, identity: str) -> OneShotProcess:
    call = Call(attempted="attach to", target=spec.purpose)
    path = f"/containers/{identity}/attach"
    out = await gateway.hijack(call, path, {"stream": "1", "stdout": "1", "stderr": "1"})
    feed: Hijacked | None = None
    try:
        if spec.stdin:
            feed = await gateway.hijack(call, path, {"stream": "1", "stdin": "1"})
        begin = Call(attempted=START, target=spec.purpose, deadline_s=CHANGE_DEADLINE_S)
        await gateway.post(begin, f"/containers/{identity}/start")
    except BaseException:
        await out.close()
        if feed is not None:
            await feed.close()
        raise
    return OneShotProcess(gateway, spec, identity, (out, feed))


async def _remove(gateway: Gateway, identity: str, spec: OneShot) -> None:
    call = Call(
        attempted="remove the helper for", target=spec.purpose, deadline_s=CHANGE_DEADLINE_S
    )
    for pause_s in (*_REMOVAL_PAUSES_S, None):
        try:
            with suppress(NotFound):
                await gateway.delete(call, f"/containers/{identity}", {"force": "1", "v": "1"})
            return
        except TabibError:
            if pause_s is None:
                raise
            await asyncio.sleep(pause_s)


def _body(spec: OneShot) -> dict[str, Any]:
    return {
        "Image": spec.image,
        "Entrypoint": list(spec.argv[:1]),
        "Cmd": list(spec.argv[1:]),
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "User": spec.user,
        "Hostname": "" if spec.network.startswith("container:") else spec.hostname,
        "Labels": {LABEL_HELPER: spec.purpose, **spec.labels},
        "AttachStdin": spec.stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": spec.stdin,
        "StdinOnce": spec.stdin,
        "HostConfig": {
            "NetworkMode": spec.network,
            # Only ``Binds`` makes a missing folder of the host.
            "Binds": [_bind(one) for one in spec.mounts if _makes_source(one)],
            "Mounts": [_mount(one) for one in spec.mounts if not _makes_source(one)],
            "CapDrop": ["ALL"],
            "CapAdd": list(spec.capabilities),
            "SecurityOpt": ["no-new-privileges"],
            # Files can be put into a container only where its root can be written to.
            "ReadonlyRootfs": not spec.files,
            "Tmpfs": _WRITABLE if not spec.files else {},
            "Memory": spec.memory_bytes,
            "CpuShares": spec.cpu_shares,
            "NanoCpus": round(spec.cpus * 1e9),
            # What it says goes through the streams; the engine's own log of it would be a copy
            # of the data on the disk.
            "LogConfig": {"Type": "none"},
        },
    }


def _makes_source(mount: Mount) -> bool:
    return mount.type == "bind" and bool(mount.options.get("create_host_path"))


def _bind(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}:{'ro' if mount.read_only else 'rw'}"


def _mount(mount: Mount) -> dict[str, Any]:
    return {
        "Type": mount.type,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
