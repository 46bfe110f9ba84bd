"""Connections to a daemon."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from support.protocol import Asked, ProtocolServer, of_error, of_json, of_stream
from tabib.client.api import Client
from tabib.client.transport import DaemonAddress, parse_address
from tabib.model.errors import EngineUnavailable, LeaseHeld, UsageError


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    found = ProtocolServer(str(tmp_path / "s.sock"))
    yield found
    found.close()


def client_of(server: ProtocolServer, engine: str = "") -> Client:
    return Client(parse_address(server.url), engine)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("unix:///run/x.sock", DaemonAddress("unix:///run/x.sock", path="/run/x.sock")),
        ("http://h:80", DaemonAddress("http://h:80", host="h", port=80)),
        ("tcp://[::1]:7/", DaemonAddress("tcp://[::1]:7/", host="::1", port=7)),
    ],
)
def test_addresses(url: str, address: DaemonAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url", ["", "x", "https://h:1", "unix://host/x", "tcp://h", "http://h:1/p"]
)
def test_no_addresses(url: str) -> None:
    with pytest.raises(UsageError):
        parse_address(url)


def test_a_socket_whose_path_is_too_long_for_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.chdir(deep)  # The server binds by a short name.
    server = ProtocolServer("s.sock")
    try:
        client = Client(parse_address(f"unix://{deep}/s.sock"))
        assert client.get("/v1/version")["api"] == 1
    finally:
        server.close()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="No such file"):
        Client(parse_address(f"unix://{tmp_path}/none.sock")).get("/v1/version")


def test_queries_and_headers(server: ProtocolServer) -> None:
    server.on("GET /v1/x", {"fine": True})
    client = client_of(server, '{"url":"unix:///e"}')
    assert client.get("/v1/x", {"a": True, "b": None, "c": ["1", "2 &"], "d": 3}) == {"fine": True}
    asked = server.to("GET /v1/x")[0]
    assert asked.query == {"a": ["1"], "c": ["1", "2 &"], "d": ["3"]}
    assert asked.headers["x-tabib-endpoint"] == '{"url":"unix:///e"}'


def test_errors_keep_their_kind_and_details(server: ProtocolServer) -> None:
    server.on("GET /v1/x", of_error(409, kind="lease_held", happened="busy", details={"by": "up"}))
    with pytest.raises(LeaseHeld) as caught:
        client_of(server).get("/v1/x")
    assert caught.value.details == {"by": "up"}


def test_messages_come_as_they_are_sent(server: ProtocolServer) -> None:
    release = threading.Event()

    def answer(_: Asked) -> object:
        found = of_stream()

        def chunks():  # type: ignore[no-untyped-def]
            # Cut where no line ends, as TCP may.
            yield b'{"n": 1}\n{"n"'
            assert release.wait(20)
            yield b': 2}\n\n{"n": 3}'

        found.chunks = chunks()
        return found

    server.on("POST /v1/x", answer)
    stream = client_of(server).stream("POST", "/v1/x", body=b"{}")
    assert next(stream) == {"n": 1}
    release.set()
    assert list(stream) == [{"n": 2}, {"n": 3}]


def test_a_body_in_chunks(server: ProtocolServer) -> None:
    server.on("PUT /v1/x", of_json({}))
    chunks = (bytes([number]) * 70_000 for number in range(10))
    with client_of(server).open("PUT", "/v1/x", body=chunks) as response:
        response.read()
    assert len(server.to("PUT /v1/x")[0].body) == 700_000
