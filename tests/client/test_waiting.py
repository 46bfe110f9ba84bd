"""Waiting for descriptors, also for those that select() does not take."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tabib.cli.files import RealFiles
from tabib.client.hijack import Hijacked
from tabib.client.terminal import Pump, Streams, write_all
from tabib.client.waiting import wait_for

HIGH = 1500

Raise = Callable[[int], int]


@pytest.fixture
def high() -> Iterator[Raise]:
    """Moves a descriptor to a number that select() does not take; all are closed at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, HIGH + 500), hard))
    moved: list[int] = []

    def move(descriptor: int) -> int:
        moved.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH))
        os.close(descriptor)
        return moved[-1]

    yield move
    for descriptor in moved:
        with suppress(OSError):
            os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def crowded() -> Iterator[None]:
    """Every number below HIGH is taken: what is opened now is beyond."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, HIGH + 500), hard))
    taken = [os.open("/dev/null", os.O_RDONLY)]
    while taken[-1] < HIGH:
        taken.append(os.dup(taken[0]))
    yield
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_can_be_read_and_what_can_be_written(high: Raise) -> None:
    reader, writer = map(high, os.pipe())
    assert min(reader, writer) >= HIGH
    begun = time.monotonic()
    found = wait_for([reader], [], 0.05)
    assert not found.reading
    assert time.monotonic() - begun >= 0.05
    found = wait_for([reader], [writer])
    assert (found.reading, found.writing) == (frozenset(), {writer})
    os.write(writer, b"x")
    found = wait_for([reader], [writer])
    assert (found.reading, found.writing) == ({reader}, {writer})


def test_one_descriptor_both_ways() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        own = ours.fileno()
        assert wait_for([own], [own]).reading == frozenset()
        assert wait_for([own], [own]).writing == {own}
        theirs.send(b"x")
        found = wait_for([own], [own])
        assert found.reading == found.writing == {own}
        theirs.send(b"y")
        assert wait_for([], [own]).reading == frozenset(), "not asked"


def test_an_end_can_be_read(high: Raise) -> None:
    reader, writer = map(high, os.pipe())
    os.close(writer)
    assert wait_for([reader]).reading == {reader}
    assert os.read(reader, 1) == b""


def test_nobody_reads_any_more(high: Raise) -> None:
    reader, writer = map(high, os.pipe())
    os.close(reader)
    assert wait_for([], [writer]).writing == {writer}


def test_a_closed_descriptor_is_ready_for_its_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    assert wait_for([reader]).reading == {reader}


def test_a_named_pipe_is_read_in_a_process_with_many_files(tmp_path: Path, crowded: None) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"abc"), daemon=True)
    writer.start()
    assert RealFiles().read(str(pipe)) == b"abc"
    writer.join()


def test_a_full_pipe_is_waited_for(high: Raise) -> None:
    reader, writer = map(high, os.pipe())
    os.set_blocking(writer, False)
    data = os.urandom(300_000)
    thread = threading.Thread(
        target=lambda: (write_all(writer, data), os.close(writer)), daemon=True
    )
    thread.start()
    read = b""
    while piece := os.read(reader, 65_536):
        read += piece
    thread.join()
    assert read == data


def test_the_pump_in_a_process_with_many_files(crowded: None) -> None:
    engine, ours = socket.socketpair()
    into_reader, into_writer = os.pipe()
    out_reader, out_writer = os.pipe()
    assert min(ours.fileno(), into_reader, out_writer) > HIGH
    os.write(into_writer, b"typed")
    os.close(into_writer)
    engine.send(b"shown")
    stream = Hijacked(ours, b"")
    pump = threading.Thread(
        target=lambda: engine.close() if engine.recv(10) == b"typed" else None, daemon=True
    )
    pump.start()
    Pump(stream, Streams(into_reader, out_writer, out_writer), tty=True).run()
    pump.join()
    stream.close()
    os.close(out_writer)
    assert os.read(out_reader, 100) == b"shown"
    os.close(into_reader)
    os.close(out_reader)
