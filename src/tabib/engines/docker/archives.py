"""Files in and out of a container, as tar streams."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import msgspec

from tabib.engines.docker.call import READ_DEADLINE_S, Call, segment
from tabib.engines.docker.errors import refused
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.streams import lines
from tabib.model.container import InjectedFile

TAR = {"Content-Type": "application/x-tar"}


async def get_archive(gateway: Gateway, container: str, path: str) -> AsyncIterator[bytes]:
    """See :meth:`tabib.ports.Engine.get_archive`."""
    call = Call(
        attempted="copy from container", target=f"{container}:{path}", deadline_s=READ_DEADLINE_S
    )
    request = ("GET", f"/containers/{segment(container)}/archive")
    async with gateway.stream(call, request, params={"path": path}) as response:
        async for chunk in response.content.iter_any():
            yield chunk


async def put_archive(
    gateway: Gateway,
    container: str,
    path: str,
    chunks: AsyncIterator[bytes],
    *,
    copy_owner: bool = False,
) -> None:
    """See :meth:`tabib.ports.Engine.put_archive`."""
    # no deadline: it takes as long as the caller's stream does
    call = Call(attempted="copy to container", target=f"{container}:{path}", deadline_s=None)
    request = ("PUT", f"/containers/{segment(container)}/archive")
    params = {"path": path, "noOverwriteDirNonDir": "1"}
    if copy_owner:
        params["copyUIDGID"] = "1"
    async with gateway.stream(call, request, params=params, body=chunks, headers=TAR) as response:
        await response.read()


async def export_image(gateway: Gateway, reference: str) -> AsyncIterator[bytes]:
    """See :meth:`tabib.ports.Engine.export_image`."""
    call = Call(attempted="export image", target=reference, deadline_s=READ_DEADLINE_S)
    # By name: an engine exports what an id names without any name.
    request = ("GET", f"/images/{quote(reference, safe='/:@')}/get")
    async with gateway.stream(call, request) as response:
        async for chunk in response.content.iter_any():
            yield chunk


async def load_image(gateway: Gateway, chunks: AsyncIterator[bytes]) -> None:
    """See :meth:`tabib.ports.Engine.load_image`."""
    call = Call(attempted="load image", deadline_s=None)
    request = ("POST", "/images/load")
    async with gateway.stream(
        call, request, params={"quiet": "1"}, body=chunks, headers=TAR
    ) as response:
        async for line in lines(response.content.iter_any()):
            message = msgspec.json.decode(line)
            if "error" in message:
                raise refused(call, 200, str(message["error"]))


async def put_files(
    gateway: Gateway, call: Call, container: str, files: Sequence[InjectedFile]
) -> None:
    """All files in one tar; folders that are missing are made by the engine."""
    request = ("PUT", f"/containers/{segment(container)}/archive")
    async with gateway.stream(
        call, request, params={"path": "/"}, body=pack(files), headers=TAR
    ) as response:
        await response.read()


def pack(files: Sequence[InjectedFile]) -> bytes:
    """A tar of ``files`` by absolute path; times are 0, so equal files give equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            content = file.content.encode()
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size = len(content)
            entry.mode, entry.uid, entry.gid = file.mode, file.uid, file.gid
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
