"""Remote write: the message as protobuf's rules read it, and a real Prometheus that takes it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.exposition import COUNTER, GAUGE, Family, Sample
from tabib.decide.write_request import write_request
from tabib.model.errors import ConfigError, TabibError
from tabib.notify.remote_write import RemoteWrite

PROMETHEUS = os.environ.get("TABIB_PROMETHEUS") or shutil.which("prometheus") or ""


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protobuf message: number and value (protobuf.dev, encoding)."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        elif tag & 7 == 1:
            yield tag >> 3, struct.unpack("<d", data[at : at + 8])[0]
            at += 8
        else:
            assert tag & 7 == 2
            size = varint()
            yield tag >> 3, data[at : at + size]
            at += size


def series(data: bytes) -> list[tuple[dict[str, str], float, int]]:
    found = []
    for number, each in fields(data):
        assert number == 1
        labels: dict[str, str] = {}
        names: list[str] = []
        value, at_ms = 0.0, 0
        for inner, content in fields(each):
            parts = dict(fields(content))
            if inner == 1:
                names.append(parts[1].decode())
                labels[names[-1]] = parts[2].decode()
            else:
                value, at_ms = parts[1], parts[2]
        assert names == sorted(names)
        found.append((labels, value, at_ms))
    return found


_TEXT = st.text(max_size=200)


@given(st.dictionaries(st.tuples(_TEXT, _TEXT), st.floats(allow_nan=False), max_size=5),
       st.integers(0, 2**62))  # fmt: skip
def test_the_message_says_what_was_put_in(rows: dict[Any, float], at_ms: int) -> None:
    rows = {tuple(one.encode("utf-8", "replace").decode() for one in key): v
            for key, v in rows.items()}  # fmt: skip
    family = Family("x", COUNTER, "", ("b", "a"), [Sample(*each) for each in rows.items()])
    found = series(write_request([family], at_ms, {"job": "tabib"}))
    assert [(value, at) for _, value, at in found] == [(value, at_ms) for value in rows.values()]
    for (labels, _, _), (b, a) in zip(found, rows, strict=True):
        assert labels.pop("__name__") == "x_total"
        assert labels.pop("job") == "tabib"
        assert labels == {name: text for name, text in (("a", a), ("b", b)) if text}


def test_what_is_no_url_is_a_configuration_that_is_wrong() -> None:
    with pytest.raises(ConfigError):
        RemoteWrite("localhost:9090")


async def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1/write"
        with pytest.raises(TabibError) as caught:
            await RemoteWrite(url).send(b"")
    assert url in str(caught.value)


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    if not PROMETHEUS:
        pytest.skip("no prometheus (Debian's package, or TABIB_PROMETHEUS)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "prometheus.yml").write_text("")
    process = subprocess.Popen(
        [PROMETHEUS, "--web.enable-remote-write-receiver", "--config.file=prometheus.yml",
         f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path / 'data'}"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"{url}/-/ready", timeout=2).close()
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def query(url: str, text: str) -> list[Any]:
    asked = f"{url}/api/v1/query?query={urllib.parse.quote(text)}"
    with urllib.request.urlopen(asked, timeout=10) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found


async def test_prometheus_takes_it(prometheus: str) -> None:
    families = [
        Family("container_cpu_usage_seconds", COUNTER, "", ("name", "image"),
               [Sample(("shop-web-1", ""), 1.5), Sample(("grüße\n\"", "x:1"), 2.5)]),
        Family("machine_cpu_cores", GAUGE, "", (), [Sample((), 2)]),
    ]  # fmt: skip
    receiver = RemoteWrite(f"{prometheus}/api/v1/write")
    at_ms = int(time.time() * 1000)
    labels = {"job": "tabib", "instance": "vm"}
    await receiver.send(write_request(families, at_ms, labels))
    found = await asyncio.to_thread(query, prometheus, "container_cpu_usage_seconds_total")
    assert {one["metric"]["name"]: one["value"][1] for one in found} == {
        "shop-web-1": "1.5", "grüße\n\"": "2.5"}  # fmt: skip
    assert found[0]["metric"]["job"] == "tabib"
    (cores,) = await asyncio.to_thread(query, prometheus, "machine_cpu_cores")
    assert cores["value"][1] == "2"
    # What a receiver refuses is told with its words.
    with pytest.raises(TabibError, match="HTTP 4"):
        await receiver.send(b"\xff\xff")
