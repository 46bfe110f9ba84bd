"""The user's terminal, and the pump between it and a hijacked stream."""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from tabib.client.hijack import Hijacked
from tabib.client.waiting import wait_for

_BLOCK_BYTES = 65_536
_DETACH_KEYS = b"\x10\x11"
"""Ctrl-P Ctrl-Q: the engine then closes an attached terminal and leaves the container running."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Descriptors of the command's own streams; ``stdin`` None: no input is passed on."""

    stdin: int | None = 0
    stdout: int = 1
    stderr: int = 2


@contextmanager
def raw_mode(descriptor: int | None) -> Iterator[None]:
    """The terminal passes every key through; as it was before at the end, whatever happens."""
    if descriptor is None or not os.isatty(descriptor):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def key_mode(descriptor: int) -> Iterator[None]:
    """Keys arrive one by one and unseen; Ctrl-C stays a signal, Ctrl-Z does nothing. The terminal
    is as it was before at the end, whatever happens."""
    import termios

    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    changed[6][termios.VSUSP] = b"\x00"
    try:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def size_of(descriptor: int) -> tuple[int, int] | None:
    """(rows, columns) of the terminal at ``descriptor``; None where it is none."""
    with suppress(OSError):
        columns, rows = os.get_terminal_size(descriptor)
        if rows and columns:
            return rows, columns
    return None


class Pump:
    """Moves bytes both ways until the stream ends.

    ``tty``: the stream is raw; else it is framed and split into stdout and stderr.
    ``on_resize(rows, columns)`` and ``on_signal(name)`` are called from the loop, never from a
    signal handler.
    """

    def __init__(
        self,
        stream: Hijacked,
        streams: Streams,
        *,
        tty: bool,
        on_resize: Callable[[int, int], None] | None = None,
        on_signal: Callable[[str], None] | None = None,
    ) -> None:
        self._stream = stream
        self._streams = streams
        self._tty = tty
        self._on_resize = on_resize
        self._on_signal = on_signal
        self._demux = Demultiplexer()
        self._outgoing = b""
        self._stdin: int | None = streams.stdin
        self._input_ended = False
        self._typed = b""

    @property
    def detached(self) -> bool:
        """The user typed the keys that leave the container running."""
        return self._tty and self._typed.endswith(_DETACH_KEYS)

    def run(self) -> None:
        """Until the engine closes the stream. The socket is set to not blocking meanwhile."""
        self._stream.sock.setblocking(False)
        with wakeups(resize=self._on_resize, forward=self._on_signal) as wakeup:
            self.resize()
            if self._stream.early:
                self._write_out(self._stream.early)
            if self._stdin is None:
                self._finish_input()
            while self._turn(wakeup):
                pass

    def resize(self) -> None:
        """Tell the engine the size of the user's terminal."""
        size = size_of(self._streams.stdout)
        if self._on_resize is not None and size is not None:
            self._on_resize(*size)

    def _turn(self, wakeup: int) -> bool:
        sock = self._stream.sock
        own = sock.fileno()
        reading = [own, wakeup]
        if self._stdin is not None and len(self._outgoing) < _BLOCK_BYTES:
            reading.append(self._stdin)
        writing = [own] if self._outgoing or getattr(sock, "unsent", False) else []
        # TLS may hold decrypted bytes that the kernel cannot see.
        pending = bool(getattr(sock, "pending", lambda: 0)())
        ready = wait_for(reading, writing, 0 if pending else None)
        if wakeup in ready.reading:
            self._handle_signals(os.read(wakeup, 512))
        if self._stdin is not None and self._stdin in ready.reading:
            self._read_in(self._stdin)
        if own in ready.writing:
            self._send() if self._outgoing else self._flush()
        return not (own in ready.reading or pending) or self._receive()

    def _read_in(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _BLOCK_BYTES)
        except OSError:
            data = b""
        if not data:
            self._stdin = None
            if not self._outgoing:
                self._finish_input()
            return
        self._typed = (self._typed + data)[-len(_DETACH_KEYS) :]
        self._outgoing += data
        self._send()

    def _flush(self) -> None:
        if not isinstance(self._stream.sock, socket.socket):
            self._stream.sock.flush()

    def _send(self) -> None:
        try:
            sent = self._stream.sock.send(self._outgoing)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                return
            # The other side takes no more input; its output still counts.
            self._outgoing, self._stdin = b"", None
            return
        self._outgoing = self._outgoing[sent:]
        if not self._outgoing and self._stdin is None:
            self._finish_input()

    def _finish_input(self) -> None:
        if not self._input_ended:
            self._input_ended = True
            self._stream.end_input()

    def _receive(self) -> bool:
        try:
            data = self._stream.sock.recv(_BLOCK_BYTES)
        except OSError as error:
            return isinstance(error, BlockingIOError)
        if not data:
            return False
        self._write_out(data)
        return True

    def _write_out(self, data: bytes) -> None:
        if self._tty:
            write_all(self._streams.stdout, data)
            return
        for stream, payload in self._demux.feed(data):
            to = self._streams.stderr if stream == 2 else self._streams.stdout
            write_all(to, payload)

    def _handle_signals(self, numbers: bytes) -> None:
        for number in set(numbers):
            if number == signal.SIGWINCH:
                self.resize()
            elif self._on_signal is not None:
                self._on_signal(signal.Signals(number).name)


class Demultiplexer:
    """Splits the engine's framed stream: 8 bytes (stream, 0, 0, 0, size in big endian), payload."""

    def __init__(self) -> None:
        self._buffer = b""
        self._stream = 1
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(stream, bytes) as far as they are complete; payloads are passed on in pieces."""
        self._buffer += data
        while self._buffer:
            if self._left == 0:
                if len(self._buffer) < 8:
                    return
                self._stream, self._left = struct.unpack(">BxxxL", self._buffer[:8])
                self._buffer = self._buffer[8:]
                continue
            piece, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
            self._left -= len(piece)
            yield self._stream, piece


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, also to a descriptor that somebody set to not blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            wait_for([], [descriptor])


@contextmanager
def wakeups(
    *, resize: Callable[[int, int], None] | None, forward: Callable[[str], None] | None
) -> Iterator[int]:
    """A descriptor on which the numbers of signals arrive; handlers as before at the end."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    numbers = [signal.SIGWINCH] if resize is not None else []
    if forward is not None:
        numbers += [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]

    def noted(number: int, frame: FrameType | None) -> None:
        """The wake-up descriptor has the number already."""

    before = {number: signal.signal(number, noted) for number in numbers}
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
