"""A daemon that says what it is told to: the API's protocol over a real Unix socket.

For tests of the command alone; the real daemon has tests of its own.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tabib import __version__


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """``chunks`` are sent one by one, each at once."""

    chunks: Iterable[bytes] = ()
    status: int = 200
    kind: str = "application/json"
    length: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


def of_json(value: Any, status: int = 200) -> Answer:
    return Answer([json.dumps(value).encode()], status)


def of_stream(*messages: Any) -> Answer:
    lines = [json.dumps(message).encode() + b"\n" for message in messages]
    return Answer(lines, kind="application/x-ndjson")


def of_error(status: int, **wire: Any) -> Answer:
    return of_json({"error": {"details": {}, **wire}}, status)


Handler = Callable[[Asked], Answer]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32


@dataclass
class ProtocolServer:
    """Listens on ``path`` until :meth:`close`. ``routes``: ``"GET /v1/x"`` → answer."""

    path: str
    version: str = __version__
    routes: dict[str, Handler | Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.routes.setdefault(
            "GET /v1/version",
            lambda _: of_json({"version": self.version, "api": 1, "pid": 1, "background": True}),
        )
        self._server = _Server(self.path, self._handler_class())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def on(self, route: str, answer: Handler | Answer | Any) -> None:
        if not isinstance(answer, Answer) and not callable(answer):
            answer = of_json(answer)
        self.routes[route] = answer

    def to(self, route: str) -> list[Asked]:
        """Requests that ``METHOD /path`` got, in order."""
        return [asked for asked in self.asked if f"{asked.method} {asked.path}" == route]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        found = self.routes.get(f"{asked.method} {asked.path}")
        if found is None:
            return of_error(404, kind="not_found", happened=f"no route {asked.path}")
        return found(asked) if callable(found) else found

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                url = urlsplit(self.path)
                asked = Asked(
                    self.command,
                    url.path,
                    parse_qs(url.query),
                    {key.lower(): value for key, value in self.headers.items()},
                    self._body(),
                )
                answer = double.answer(asked)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Transfer-Encoding", "chunked")
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for chunk in answer.chunks:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def address_string(self) -> str:
                return "unix"

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler
