"""A registry in the test's own process that takes images: both halves of the distribution protocol.

It checks what it is told: a blob must have the digest that its sender names, a manifest may only
name blobs that are there, and each request must carry the right credentials. Source: the OCI
distribution specification 1.1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "ann", "pw"
_TOKEN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class UploadRegistry(ThreadingHTTPServer):
    """``manifests``: (name, tag or digest) → (media type, content)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.refused: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: UploadRegistry

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.server.refused.append(f"{self.command} {self.path}: {code}")
        body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
        headers = {"WWW_Authenticate": 'Basic realm="test"'} if status == 401 else {}
        self._answer(status, body, Content_Type="application/json", **headers)

    def _allowed(self) -> bool:
        if self.headers.get("Authorization") == _TOKEN:
            return True
        self._body()
        self._refuse(401, "UNAUTHORIZED")
        return False

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self) -> None:
        if not self._allowed():
            return
        _, _, rest = self.path.partition("/v2/")
        name, _, last = rest.rpartition("/")
        if not rest:
            self._answer(200)
        elif name.endswith("/blobs") and last in self.server.blobs:
            data = self.server.blobs[last]
            self._answer(200, data, Docker_Content_Digest=last)
        elif name.endswith("/manifests") and self._manifest(name, last):
            kind, data = self._manifest(name, last) or ("", b"")
            self._answer(200, data, Content_Type=kind, Docker_Content_Digest=_digest(data))
        else:
            self._refuse(404, "BLOB_UNKNOWN" if name.endswith("/blobs") else "MANIFEST_UNKNOWN")

    do_HEAD = do_GET

    def _manifest(self, name: str, reference: str) -> tuple[str, bytes] | None:
        return self.server.manifests.get((name.removesuffix("/manifests"), reference))

    def do_POST(self) -> None:
        if not self._allowed():
            return
        self._body()
        identity = str(len(self.server.uploads))
        self.server.uploads[identity] = b""
        self._answer(202, Location=f"{self.path.rstrip('/')}/{identity}", Range="0-0")

    def do_PATCH(self) -> None:
        if self._allowed():
            identity = urlsplit(self.path).path.rpartition("/")[2]
            self.server.uploads[identity] += self._body()
            reached = len(self.server.uploads[identity]) - 1
            self._answer(202, Location=self.path, Range=f"0-{reached}")

    def do_PUT(self) -> None:
        if not self._allowed():
            return None
        address, body = urlsplit(self.path), self._body()
        if "/blobs/uploads/" in address.path:
            data = self.server.uploads.pop(address.path.rpartition("/")[2]) + body
            told = parse_qs(address.query)["digest"][0]
            if _digest(data) != told:
                return self._refuse(400, "DIGEST_INVALID")
            self.server.blobs[told] = data
            return self._answer(201, Docker_Content_Digest=told)
        found = json.loads(body)
        parts = [found["config"], *found["layers"]]
        if any(len(self.server.blobs.get(p["digest"], b"")) != p["size"] for p in parts):
            return self._refuse(400, "MANIFEST_BLOB_UNKNOWN")
        name, _, tag = address.path.removeprefix("/v2/").rpartition("/manifests/")
        for reference in (tag, _digest(body)):
            kind = self.headers["Content-Type"]
            self.server.manifests[name, reference] = (kind, body)
        return self._answer(201, Docker_Content_Digest=_digest(body))

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def taking_uploads() -> Iterator[UploadRegistry]:
    """A registry on a loopback port; engines take those without TLS."""
    with UploadRegistry() as registry:
        thread = threading.Thread(target=registry.serve_forever, daemon=True)
        thread.start()
        try:
            yield registry
        finally:
            registry.shutdown()
