"""The Docker Engine's HTTP API over its socket: the few calls that set-up and demo need.

The `docker` program may be missing where an engine is there, so nothing here calls it.
"""

import hashlib
import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

DEFAULT = "unix:///var/run/docker.sock"
Query = Sequence[tuple[str, str]]


class EngineError(Exception):
    """The engine said no (`status` is its HTTP status) or did not answer (`status` 0)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Endpoint:
    """Where an engine is, and who said so."""

    url: str
    source: str
    certificates: Path | None = None


def find() -> Endpoint:
    """The engine that Docker's own rules choose: DOCKER_HOST, the context, else the socket."""
    if url := os.environ.get("DOCKER_HOST"):
        path = os.environ.get("DOCKER_CERT_PATH") if os.environ.get("DOCKER_TLS_VERIFY") else None
        return Endpoint(url, "DOCKER_HOST", Path(path) if path else None)
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = os.environ.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext")
    if not name or name == "default":
        return Endpoint(DEFAULT, "the default socket")
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = _read(folder / "contexts" / "meta" / digest / "meta.json")
    url = meta.get("Endpoints", {}).get("docker", {}).get("Host")
    if not url:
        raise EngineError(f"the docker context {name!r} names no engine")
    tls = folder / "contexts" / "tls" / digest / "docker"
    return Endpoint(url, f"the docker context {name!r}", tls if tls.is_dir() else None)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """One engine. Every call has a deadline and opens its own connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        parts = urlsplit(endpoint.url)
        if parts.scheme not in ("unix", "tcp", "http", "https"):
            raise EngineError(
                f"set-up speaks to engines over unix:// and tcp://, not {endpoint.url}"
            )
        self._parts = parts

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        if self._parts.scheme == "unix":
            return _UnixConnection(self._parts.path, timeout)
        host, port = self._parts.hostname or "localhost", self._parts.port
        folder = self.endpoint.certificates
        if folder is None and self._parts.scheme != "https":
            return http.client.HTTPConnection(host, port or 2375, timeout=timeout)
        context = ssl.create_default_context(cafile=folder and str(folder / "ca.pem"))
        if folder and (folder / "cert.pem").exists():
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return http.client.HTTPSConnection(host, port or 2376, timeout=timeout, context=context)

    def _open(
        self, method: str, path: str, body: Any, query: Query, timeout: float
    ) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/x-tar"}
        if isinstance(body, dict):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        target = quote(path, safe="/:@") + (f"?{urlencode(query)}" if query else "")
        try:
            connection = self._connect(timeout)
            streamed = body is not None and not isinstance(body, bytes)
            if streamed:
                headers["Transfer-Encoding"] = "chunked"
            connection.request(method, target, body, headers, encode_chunked=streamed)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"no answer from {self.endpoint.url}: {error}") from error
        if answer.status >= 400:
            text = answer.read().decode(errors="replace")
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                pass
            raise EngineError(text.strip() or answer.reason, answer.status)
        return answer

    def call(
        self, method: str, path: str, body: Any = None, timeout: float = 30, query: Query = ()
    ) -> Any:
        """One call: the decoded JSON of the answer, or its text. Raises EngineError."""
        try:
            raw = self._open(method, path, body, query, timeout).read()
        except OSError as error:
            raise EngineError(f"no answer from {self.endpoint.url}: {error}") from error
        try:
            return json.loads(raw)
        except ValueError:
            return raw.decode(errors="replace")

    def stream(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        timeout: float = 300,
        query: Query = (),
    ) -> Iterator[dict[str, Any]]:
        """A call that reports progress: its JSON lines. Raises EngineError, also for a late one."""
        answer = self._open(method, path, body, query, timeout)
        try:
            for raw in answer:
                if not raw.strip():
                    continue
                said = json.loads(raw)
                if "error" in said:
                    raise EngineError(str(said["error"]), 500)
                yield said
        except OSError as error:
            raise EngineError(f"{self.endpoint.url} fell silent: {error}") from error

    def answers(self, timeout: float = 3) -> bool:
        """Whether the engine is up and we may speak to it."""
        try:
            return bool(self.call("GET", "/_ping", timeout=timeout) == "OK")
        except EngineError:
            return False

    def image(self, name: str) -> dict[str, Any] | None:
        """An image's inspection, or None when the engine has no such image."""
        try:
            found = self.call("GET", f"/images/{name}/json")
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        return dict(found)
