"""The engine's raw streams, for ``exec`` and ``run``, with the standard library alone.

Source: Docker Engine API 1.41, ``/containers/{id}/attach`` (HTTP upgrade to ``tcp``, the framing
of streams without a terminal) and ``/exec``. Paths carry no version: an engine then answers with
its newest.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from tabib.model.errors import (
    Conflict,
    EngineError,
    EngineForbidden,
    EngineUnavailable,
    NotFound,
    TabibError,
)

if TYPE_CHECKING:
    from tabib.client.tls import TlsSocket
    from tabib.model.wire import EndpointAddress

    Wire = socket.socket | TlsSocket

_CALL_TIMEOUT_S = 30.0
_HEAD_LIMIT_BYTES = 65_536


@dataclass(slots=True)
class Hijacked:
    """An upgraded connection; ``early`` is output that came with the response head."""

    sock: Wire
    early: bytes

    def close(self) -> None:
        with suppress(OSError):
            self.sock.close()

    def end_input(self) -> None:
        """Say that no more input comes, while output goes on."""
        with suppress(OSError):
            if isinstance(self.sock, socket.socket):
                self.sock.shutdown(socket.SHUT_WR)
            else:
                self.sock.end_input()


class EngineDialer:
    """Speaks to the engine at ``endpoint`` directly; one connection for each call."""

    def __init__(self, endpoint: EndpointAddress) -> None:
        self._endpoint = endpoint

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """One JSON call.

        :raises EngineUnavailable: the engine cannot be reached.
        :raises EngineError: it refused.
        """
        sock = self._dial()
        try:
            status, data = self._request(sock, method, path, body, upgrade=False, headers=headers)
            head_end = data.index(b"\r\n\r\n") + 4
            length = _content_length(data[:head_end])
            payload = data[head_end:]
            while length is None or len(payload) < length:
                chunk = sock.recv(65_536)
                if not chunk:
                    break
                payload += chunk
        except OSError as error:
            raise self._unavailable(error) from error
        finally:
            sock.close()
        if _is_chunked(data[:head_end]):
            payload = _dechunk(payload)
        if status >= 400:
            raise _refusal(status, payload, path)
        return json.loads(payload) if payload.strip() else {}

    def hijack(self, path: str, body: Mapping[str, Any] | None = None) -> Hijacked:
        """POST and take the connection over.

        :raises EngineError: the engine refused.
        """
        sock = self._dial()
        try:
            status, data = self._request(sock, "POST", path, body, upgrade=True)
            head_end = data.index(b"\r\n\r\n") + 4
            if status >= 400:
                raise _refusal(status, data[head_end:] + _drain(sock), path)
            sock.settimeout(None)
        except OSError as error:
            sock.close()
            raise self._unavailable(error) from error
        except BaseException:
            sock.close()
            raise
        return Hijacked(sock, data[head_end:])

    # ── what exec and run need ────────────────────────────────────────────────────────────────

    def create_exec(self, container: str, config: Mapping[str, Any]) -> str:
        """Prepare a command in ``container``; the id of the exec instance."""
        answer = self.call("POST", f"/containers/{quote(container)}/exec", config)
        return str(answer["Id"])

    def start_exec(self, exec_id: str, *, tty: bool) -> Hijacked:
        return self.hijack(f"/exec/{exec_id}/start", {"Detach": False, "Tty": tty})

    def start_exec_detached(self, exec_id: str) -> None:
        self.call("POST", f"/exec/{exec_id}/start", {"Detach": True, "Tty": False})

    def exec_state(self, exec_id: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.call("GET", f"/exec/{exec_id}/json")
        return answer

    def attach(self, container: str, *, stdin: bool) -> Hijacked:
        query = urlencode({"stream": 1, "stdin": int(stdin), "stdout": 1, "stderr": 1})
        return self.hijack(f"/containers/{quote(container)}/attach?{query}")

    def resize(self, path: str, rows: int, columns: int) -> None:
        """Tell the terminal's size; a terminal that is gone already is no error."""
        with suppress(TabibError):
            self.call("POST", f"{path}/resize?h={rows}&w={columns}")

    def kill(self, container: str, signal_name: str) -> None:
        """Pass a signal on; a container that ended meanwhile is no error."""
        with suppress(EngineError):
            self.call("POST", f"/containers/{quote(container)}/kill?signal={signal_name}")

    # ── connections ───────────────────────────────────────────────────────────────────────────

    def _dial(self) -> Wire:
        try:
            return self._connect(urlsplit(self._endpoint.url))
        except OSError as error:
            raise self._unavailable(error) from error

    def _connect(self, url: Any) -> Wire:
        if url.scheme == "unix":
            from tabib.client.transport import connect_unix

            return connect_unix(url.path, _CALL_TIMEOUT_S)
        if url.scheme in ("tcp", "http", "https"):
            plain = socket.create_connection((url.hostname, url.port), _CALL_TIMEOUT_S)
            if self._endpoint.tls_ca or self._endpoint.tls_cert or url.scheme == "https":
                return _tls(plain, self._endpoint, str(url.hostname))
            return plain
        if url.scheme == "ssh":
            return _ssh(url)
        raise EngineUnavailable(
            "interactive streams need a Docker Engine in reach",
            attempted="attach to",
            target=self._endpoint.url,
        )

    def _request(
        self,
        sock: Wire,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        upgrade: bool,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        payload = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: docker"]
        if payload:
            lines += ["Content-Type: application/json"]
        lines += [f"Content-Length: {len(payload)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else ["Connection: close"]
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = sock.recv(65_536)
            if not chunk or len(data) > _HEAD_LIMIT_BYTES:
                raise ConnectionResetError("the engine closed the connection")
            data += chunk
        return int(data.split(None, 2)[1]), data

    def _unavailable(self, error: OSError) -> EngineUnavailable:
        kind = EngineForbidden if isinstance(error, PermissionError) else EngineUnavailable
        return kind(
            error.strerror or str(error) or type(error).__name__,
            attempted="reach the engine at",
            target=self._endpoint.url,
            advice="Is it running, and may this user open its socket?",
        )


def _tls(plain: socket.socket, endpoint: EndpointAddress, host: str) -> TlsSocket:
    import ssl

    from tabib.client.tls import TlsSocket

    context = ssl.create_default_context(cafile=endpoint.tls_ca or None)
    if not endpoint.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if endpoint.tls_cert:
        context.load_cert_chain(endpoint.tls_cert, endpoint.tls_key or None)
    try:
        return TlsSocket(plain, context, host)
    except BaseException:
        plain.close()
        raise


def _ssh(url: Any) -> socket.socket:
    """A socket whose other end is ``docker system dial-stdio`` on the remote machine."""
    import subprocess

    argv = ["ssh", "-T", "-o", "ConnectTimeout=30"]
    if url.port:
        argv += ["-p", str(url.port)]
    if url.username:
        argv += ["-l", url.username]
    argv += ["--", str(url.hostname), "docker", "system", "dial-stdio"]
    ours, theirs = socket.socketpair()
    try:
        subprocess.Popen(
            argv, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.settimeout(_CALL_TIMEOUT_S)
    return ours


def _content_length(head: bytes) -> int | None:
    if _status(head) in (204, 304):
        return 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":", 1)[1])
    return None


def _status(head: bytes) -> int:
    return int(head.split(None, 2)[1])


def _is_chunked(head: bytes) -> bool:
    return b"\r\ntransfer-encoding: chunked" in head.lower()


def _dechunk(data: bytes) -> bytes:
    out = b""
    while data:
        size_text, _, data = data.partition(b"\r\n")
        size = int(size_text.split(b";")[0] or b"0", 16)
        if size == 0:
            break
        out += data[:size]
        data = data[size + 2 :]
    return out


def _drain(sock: Wire) -> bytes:
    """The rest of a refusal; the engine keeps such a connection open, so not for long."""
    sock.settimeout(0.2)
    data = b""
    with suppress(OSError):
        while len(data) < _HEAD_LIMIT_BYTES and (chunk := sock.recv(65_536)):
            data += chunk
    return data


def _refusal(status: int, payload: bytes, path: str) -> TabibError:
    try:
        message = str(json.loads(payload)["message"])
    except (ValueError, KeyError, TypeError):
        message = payload.decode("utf-8", "replace").strip() or f"HTTP {status}"
    kind = {404: NotFound, 409: Conflict}.get(status, EngineError)
    return kind(message, attempted="call the engine at", target=path, details={"status": status})
