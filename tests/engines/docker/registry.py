"""A registry in the test's own process: the pull half of the distribution protocol, and faults.

Source: the OCI distribution specification 1.1; manifests are Docker's schema 2.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Registry:
    """Serves tag ``1`` of any name; other tags fail as real registries do.

    ``private``: all of it wants user ``ann`` with password ``pw``. Names below ``limited/`` are
    refused by rate; the tag ``foreign`` is an image for another platform.
    """

    def __init__(self, *, private: bool = False) -> None:
        self.private = private
        self.port = 0
        self.blobs: dict[str, bytes] = {}
        self.manifest = b""
        self._fill()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _fill(self) -> None:
        layers, ids = [], []
        for number in range(2):
            tar = _layer(number)
            blob = gzip.compress(tar, compresslevel=1)
            self.blobs[_digest(blob)] = blob
            ids.append(_digest(tar))
            layers.append({"digest": _digest(blob), "size": len(blob)})
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/none"]},
                "rootfs": {"type": "layers", "diff_ids": ids},
                "history": [{"created_by": "test"}, {"created_by": "test"}],
            }
        ).encode()
        self.blobs[_digest(config)] = config
        kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "digest": _digest(config),
                    "size": len(config),
                },
                "layers": [{"mediaType": kind, **layer} for layer in layers],
            }
        ).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":
                return  # engines try TLS before they speak plainly
            while head := first + await reader.readuntil(b"\r\n\r\n"):
                first = b""
                self._answer(head.decode(), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        method, path, _ = head.split("\r\n", 1)[0].split(" ")
        status, kind, body = self._reply(path, head)
        extra = 'WWW-Authenticate: Basic realm="test"\r\n' if status == 401 else ""
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Docker-Content-Digest: {_digest(body)}\r\n{extra}\r\n".encode()
        )
        if method != "HEAD":
            writer.write(body)

    def _reply(self, path: str, head: str) -> tuple[int, str, bytes]:
        token = base64.b64encode(b"ann:pw").decode()
        if self.private and token not in head:
            return 401, "application/json", _fault("UNAUTHORIZED", "authentication required")
        if path == "/v2/":
            return 200, "text/plain", b""
        if "/limited/" in path:
            return 429, "application/json", _fault("TOOMANYREQUESTS", "too many pulls")
        if "/blobs/" in path and path.rpartition("/")[2] in self.blobs:
            return 200, "application/octet-stream", self.blobs[path.rpartition("/")[2]]
        if path.endswith(("/manifests/foreign", f"/manifests/{_digest(self._foreign())}")):
            return 200, _LIST, self._foreign()
        if path.endswith(("/manifests/1", f"/manifests/{_digest(self.manifest)}")):
            return 200, _MANIFEST, self.manifest
        return 404, "application/json", _fault("MANIFEST_UNKNOWN", "manifest unknown")

    def _foreign(self) -> bytes:
        """A list that knows the image for one other platform only."""
        entry = {
            "mediaType": _MANIFEST,
            "digest": _digest(self.manifest),
            "size": len(self.manifest),
            "platform": {"architecture": "s390x", "os": "linux"},
        }
        return json.dumps({"schemaVersion": 2, "mediaType": _LIST, "manifests": [entry]}).encode()


def _layer(number: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        # random, so that it stays large when compressed and no engine has it yet
        content = os.urandom(1_500_000)
        entry = tarfile.TarInfo(f"file{number}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _fault(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@asynccontextmanager
async def running(*, private: bool = False) -> AsyncIterator[Registry]:
    """A registry on a loopback port (engines take those without TLS)."""
    registry = Registry(private=private)
    server = await asyncio.start_server(registry.serve, "127.0.0.1", 0)
    registry.port = server.sockets[0].getsockname()[1]
    try:
        yield registry
    finally:
        server.close()
