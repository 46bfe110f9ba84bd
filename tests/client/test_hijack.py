"""Streams of a real engine: output, input, exit codes, terminals and signals."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.real_engine import IMAGE, address, ensure_images, unique_prefix
from tabib.client.hijack import EngineDialer, Hijacked
from tabib.client.terminal import Demultiplexer, Pump, Streams
from tabib.client.tls import TlsSocket
from tabib.client.waiting import wait_for
from tabib.model.errors import Conflict, EngineUnavailable, NotFound
from tabib.model.wire import EndpointAddress

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def engine() -> EngineDialer:
    ensure_images(IMAGE)
    return EngineDialer(address())


@pytest.fixture(scope="module")
def container(engine: EngineDialer) -> Iterator[str]:
    name = unique_prefix("tbhj")
    body = {
        "Image": IMAGE,
        "Cmd": ["sleep", "600"],
        "Env": ["FROM=container"],
        "HostConfig": {"NetworkMode": "none"},
    }
    engine.call("POST", f"/containers/create?name={name}", body)
    engine.call("POST", f"/containers/{name}/start")
    yield name
    engine.call("DELETE", f"/containers/{name}?force=1&v=1")


def run(
    engine: EngineDialer, container: str, tmp_path: Path, script: str, given: bytes | None = None
) -> tuple[int, bytes, bytes]:
    out, err, into = tmp_path / "out", tmp_path / "err", tmp_path / "in"
    into.write_bytes(given or b"")
    exec_id = engine.create_exec(container, {
        "AttachStdin": given is not None, "AttachStdout": True, "AttachStderr": True,
        "Cmd": ["sh", "-c", script]})  # fmt: skip
    with out.open("wb") as o, err.open("wb") as e, into.open("rb") as i:
        stream = engine.start_exec(exec_id, tty=False)
        try:
            own = Streams(i.fileno() if given is not None else None, o.fileno(), e.fileno())
            Pump(stream, own, tty=False).run()
        finally:
            stream.close()
    return int(engine.exec_state(exec_id)["ExitCode"]), out.read_bytes(), err.read_bytes()


def test_output_is_split_and_the_code_passed_on(
    engine: EngineDialer, container: str, tmp_path: Path
) -> None:
    script = "echo out; echo err >&2; echo $FROM; exit 3"
    assert run(engine, container, tmp_path, script) == (3, b"out\ncontainer\n", b"err\n")


def test_the_end_of_the_input_arrives(engine: EngineDialer, container: str, tmp_path: Path) -> None:
    assert run(engine, container, tmp_path, "wc -c", b"x" * 1000)[1].strip() == b"1000"
    assert run(engine, container, tmp_path, "wc -c", b"")[1].strip() == b"0"


def test_megabytes_both_ways_at_once(engine: EngineDialer, container: str, tmp_path: Path) -> None:
    given = os.urandom(4_000_000)
    code, out, _ = run(engine, container, tmp_path, "cat", given)
    assert (code, out == given) == (0, True)


def test_input_that_nobody_reads_blocks_nothing(
    engine: EngineDialer, container: str, tmp_path: Path
) -> None:
    code, out, _ = run(engine, container, tmp_path, "exec <&-; echo bye", b"y" * 3_000_000)
    assert (code, out) == (0, b"bye\n")


def test_refusals_have_their_kinds(engine: EngineDialer, container: str) -> None:
    with pytest.raises(NotFound, match="No such container"):
        engine.create_exec("tbhj-not-there", {"Cmd": ["true"]})
    with pytest.raises(NotFound):
        engine.attach("tbhj-not-there", stdin=False)
    with pytest.raises(Conflict):
        engine.call("POST", f"/containers/create?name={container}", {"Image": IMAGE})


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    dialer = EngineDialer(EndpointAddress(url=f"unix://{tmp_path}/none.sock"))
    with pytest.raises(EngineUnavailable, match="No such file"):
        dialer.call("GET", "/_ping")


# ── terminals ──────────────────────────────────────────────────────────────────────────────────

SHELL = """
import sys
from support.real_engine import address
from tabib.client.hijack import EngineDialer
from tabib.client.terminal import Pump, Streams, raw_mode
engine = EngineDialer(address())
exec_id = engine.create_exec(sys.argv[1], {"AttachStdin": True, "AttachStdout": True,
    "AttachStderr": True, "Tty": True, "Cmd": sys.argv[2:]})
stream = engine.start_exec(exec_id, tty=True)
with raw_mode(0):
    Pump(stream, Streams(), tty=True,
         on_resize=lambda r, c: engine.resize(f"/exec/{exec_id}", r, c)).run()
sys.exit(engine.exec_state(exec_id)["ExitCode"])
"""


class Terminal:
    """A program on a pseudo-terminal, driven like a person would."""

    def __init__(self, *argv: str) -> None:
        self.master, slave = pty.openpty()
        self.resize(30, 90)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL, *argv],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
        self.slave = slave
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def expect(self, text: bytes) -> None:
        deadline = time.monotonic() + 30
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen!r}"
            if wait_for([self.master], timeout_s=0.5).reading:
                self.seen += os.read(self.master, 4096)
        self.seen = self.seen.split(text, 1)[1]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def shell(engine: EngineDialer, container: str) -> Iterator[Terminal]:
    terminal = Terminal(container, "sh")
    yield terminal
    terminal.close()


def test_a_shell_on_a_terminal(shell: Terminal) -> None:
    shell.expect(b"# ")
    shell.type(b"stty size\r")
    shell.expect(b"30 90")
    shell.resize(41, 123)
    shell.process.send_signal(signal.SIGWINCH)
    shell.type(b"sleep 0.5; stty size\r")
    shell.expect(b"41 123")
    shell.type(b"sleep 60\r")
    time.sleep(0.3)
    shell.type(b"\x03")  # Ctrl-C belongs to the program in the container.
    shell.type(b"echo code $?\r")
    shell.expect(b"code 130")
    shell.type(b"exit 9\r")
    assert shell.process.wait(30) == 9
    assert termios.tcgetattr(shell.slave) == shell.before


def test_the_terminal_is_restored_when_the_command_is_terminated(shell: Terminal) -> None:
    shell.expect(b"# ")
    assert termios.tcgetattr(shell.slave) != shell.before
    shell.process.send_signal(signal.SIGINT)
    shell.process.wait(30)
    assert termios.tcgetattr(shell.slave) == shell.before


# ── framing, and half-closes ───────────────────────────────────────────────────────────────────


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_frames_cut_anywhere(size: int) -> None:
    data = frame(1, b"hello ") + frame(2, b"oops") + frame(1, b"") + frame(1, b"world")
    demultiplexer = Demultiplexer()
    found = {1: b"", 2: b""}
    for at in range(0, len(data), size):
        for stream, payload in demultiplexer.feed(data[at : at + size]):
            found[stream] += payload
    assert found == {1: b"hello world", 2: b"oops"}


def test_tls_streams_can_be_half_closed(tmp_path: Path) -> None:
    import socket
    import ssl
    import threading

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with server_context.wrap_socket(theirs, server_side=True, suppress_ragged_eofs=True) as tls:
            total = 0
            while data := tls.recv(65_536):
                total += len(data)
            tls.sendall(frame(1, f"{total} bytes".encode()))

    thread = threading.Thread(target=serve)
    thread.start()
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    stream = Hijacked(TlsSocket(ours, context, "localhost"), b"")
    given, got = tmp_path / "in", tmp_path / "out"
    given.write_bytes(b"z" * 300_000)
    with given.open("rb") as i, got.open("wb") as o:
        Pump(stream, Streams(i.fileno(), o.fileno(), 2), tty=False).run()
    stream.close()
    thread.join(20)
    assert got.read_bytes() == b"300000 bytes"
