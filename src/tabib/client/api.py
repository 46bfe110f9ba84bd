"""Calls of the daemon's API (``docs/api.md``): JSON in, JSON or a stream of messages out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode

from tabib.client.transport import DaemonAddress, close_quietly, dial
from tabib.model.errors import (
    Bug,
    EngineForbidden,
    EngineUnavailable,
    NotFound,
    TabibError,
    from_wire,
)

ENDPOINT_HEADER = "X-Tabib-Endpoint"
Json = dict[str, Any]
Query = Mapping[str, Any]
"""Names → text, number, truth (``0``/``1``), a list of these, or None (left out)."""

CALL_TIMEOUT_S = 60.0
"""For calls that answer at once; streams and waits have none, the daemon keeps the deadlines."""


class Client:
    """One daemon, and the engine that is meant. Holds no connection: each call dials anew.

    ``engine`` is the JSON of :class:`tabib.model.wire.EndpointAddress`, or ``""`` for calls that
    concern no engine.
    """

    def __init__(self, address: DaemonAddress, engine: str = "") -> None:
        self.address = address
        self.engine = engine

    def get(self, path: str, query: Query | None = None, timeout: float | None = None) -> Any:
        """The JSON that ``GET path`` answers.

        :raises TabibError: the error that the daemon answered, or that it cannot be reached.
        """
        return self._json("GET", path, query, None, timeout or CALL_TIMEOUT_S)

    def text(self, path: str, query: Query | None = None) -> str:
        """What ``GET path`` answers, as it is: a page, Markdown."""
        return self._data("GET", path, query, None, CALL_TIMEOUT_S).decode("utf-8", "replace")

    def post(self, path: str, body: bytes = b"{}", timeout: float | None = None) -> Any:
        return self._json("POST", path, None, body, timeout or CALL_TIMEOUT_S)

    def delete(self, path: str, query: Query | None = None) -> Any:
        return self._json("DELETE", path, query, None, CALL_TIMEOUT_S)

    def wait(self, container: str) -> int:
        """The exit code of ``container``, once it is not running."""
        path = f"/v1/containers/{quote(container, safe='')}/wait"
        answer = self._json("GET", path, None, None, None)
        return int(answer["exit_code"])

    def stream(
        self, method: str, path: str, *, query: Query | None = None, body: bytes | None = None
    ) -> Iterator[Json]:
        """Messages of a long call, as they come.

        :raises TabibError: the daemon answered an error instead, or the stream broke off.
        """
        with self.open(method, path, query=query, body=body) as response:
            while line := _read_line(response):
                if line.strip():
                    yield _parse(line)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | Iterable[bytes] | None = None,
        timeout: float | None = None,
    ) -> Iterator[HTTPResponse]:
        """The raw answer; closed at the end. An iterable ``body`` is sent in chunks."""
        connection = dial(self.address, timeout)
        try:
            yield self._send(connection, method, _target(path, query), body)
        finally:
            close_quietly(connection)

    def _json(
        self, method: str, path: str, query: Query | None, body: bytes | None, timeout: float | None
    ) -> Any:
        data = self._data(method, path, query, body, timeout)
        return _parse(data) if data.strip() else {}

    def _data(
        self, method: str, path: str, query: Query | None, body: bytes | None, timeout: float | None
    ) -> bytes:
        with self.open(method, path, query=query, body=body, timeout=timeout) as response:
            try:
                return response.read()
            except (OSError, HTTPException) as error:
                raise _broken(error) from error

    def _send(
        self,
        connection: HTTPConnection,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None,
    ) -> HTTPResponse:
        headers = {"Accept": "application/json, application/x-ndjson, application/x-tar"}
        if self.engine:
            headers[ENDPOINT_HEADER] = self.engine
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
        elif body is not None:
            headers["Content-Type"] = "application/x-tar"
        try:
            connection.connect()
        except OSError as error:
            raise unreachable(self.address, error) from error
        try:
            connection.request(method, target, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            # The daemon refused while the body was still being sent: its answer says why.
            pass
        except OSError as error:
            raise unreachable(self.address, error) from error
        try:
            response = connection.getresponse()
            if response.status >= 400:
                raise _error_of(response.status, response.read())
        except (OSError, HTTPException) as error:
            raise _broken(error) from error
        return response


def unreachable(address: DaemonAddress, error: OSError) -> TabibError:
    """What a failed connection means to a person."""
    if isinstance(error, PermissionError):
        return EngineForbidden(
            "permission denied",
            attempted="open the daemon's socket",
            target=address.path,
            advice="Run the command as root, or join the group that owns the socket "
            "(usually docker).",
        )
    return EngineUnavailable(
        error.strerror or str(error),
        attempted="reach the tabib daemon at",
        target=address.url,
        advice="Start it with `tabib daemon start`, or see `tabib daemon status`.",
    )


def _target(path: str, query: Query | None) -> str:
    pairs: list[tuple[str, str]] = []
    for key, value in (query or {}).items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        pairs += [(key, str(int(v)) if isinstance(v, bool) else str(v)) for v in values]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _read_line(response: HTTPResponse) -> bytes:
    try:
        return response.readline()
    except (OSError, HTTPException) as error:
        raise _broken(error) from error


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise Bug(
            "the daemon answered something that is not JSON",
            attempted="read an answer",
            target=data[:80].decode("utf-8", "replace"),
        ) from error


def _error_of(status: int, data: bytes) -> TabibError:
    try:
        wire = json.loads(data)["error"]
    except (ValueError, KeyError, TypeError):
        text = data[:300].decode("utf-8", "replace").strip()
        if status == 404:
            return NotFound(text or "it is not there", details={"status": status})
        return Bug(f"the daemon answered HTTP {status}: {text}", attempted="call the daemon")
    return from_wire(wire)


def _broken(error: Exception) -> TabibError:
    if isinstance(error, TimeoutError):
        return EngineUnavailable(
            "no answer in time",
            attempted="wait for the tabib daemon",
            advice="See `tabib daemon status` and the daemon's log.",
        )
    return EngineUnavailable(
        "the connection to the tabib daemon broke off",
        attempted="read its answer",
        advice="What was begun goes on or is completed by the next `tabib up`; "
        "see `tabib ps` and the daemon's log.",
        details={"cause": str(error)},
    )
