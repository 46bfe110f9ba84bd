"""Command lines at the moment of their execution, by the kernel's sampling of the new stack.

A process that lives for a millisecond is gone before ``/proc/PID/cmdline`` can be read. The
kernel's performance events sample the trace event ``sched_process_exec`` together with the user's
stack, where the arguments have just been put: no race, and cheaper than a file.

Source: ``perf_event_open(2)``; the start of a program's stack as the System V ABI has it: argc,
argv, NULL, environment, auxiliary vector, and above all of it (at up to 8 KiB of random distance)
the strings. Of the sample only the arguments are looked at; the environment stays in the buffer.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
import time
from dataclasses import dataclass, replace

from tabib.host.processes import ring
from tabib.host.processes.connector import boot_offset_ns, command_line
from tabib.model.process import KernelEvent

NAME = "command lines"
_CALLS = {"x86_64": (298, 7), "aarch64": (241, 31)}
"""Number of perf_event_open, and of the stack pointer among the sampled registers."""
_TRACEPOINT, _SAMPLE, _LOST = 2, 9, 2
_TID, _TIME, _RAW, _REGISTERS, _STACK = 0x2, 0x4, 0x400, 0x1000, 0x2000
_USE_CLOCK = 1 << 25
_CLOSE_ON_EXEC = 8
_STACK_BYTES = 16 * 1024
_ALL_BUFFERS_BYTES = 16 * 1024 * 1024
_BUFFER_BYTES = (256 * 1024, 4 * 1024 * 1024)
_HEAD_AT, _TAIL_AT = 1024, 1032
_BITS_64 = 2
_ARGUMENTS_LIMIT = 1024

_attributes = struct.Struct("=IIQQQQQIIQQQQIiQIHH")
_header = struct.Struct("=IHH")
_sample = struct.Struct("=IIQI")
"""Process, task, time, size of the event itself."""
_long = struct.Struct("=Q")


@dataclass(frozen=True, slots=True)
class _Buffer:
    descriptor: int
    memory: mmap.mmap
    size: int


class Executions:
    """One sampling event a processor. Opening raises :class:`OSError`.

    ``description``: the ``format`` file of ``sched_process_exec``.
    """

    def __init__(self, description: str) -> None:
        form = ring.parse_format(description)
        self._file = form.fields["filename"]
        self._buffers: dict[int, _Buffer] = {}
        try:
            call, stack_pointer = _CALLS[platform.machine()]
        except KeyError as error:
            raise OSError(f"not known how on {platform.machine()}") from error
        try:
            cpus = os.cpu_count() or 1
            for cpu in range(cpus):
                buffer = _open(call, _attribute(form.id, stack_pointer), cpu, cpus)
                self._buffers[buffer.descriptor] = buffer
        except OSError:
            self.close()
            raise

    @property
    def buffers(self) -> tuple[int, ...]:
        """The descriptors to be waited on, one a processor."""
        return tuple(self._buffers)

    def read(self, descriptor: int, limit: int) -> list[KernelEvent]:
        """Up to ``limit`` samples of a buffer."""
        buffer = self._buffers[descriptor]
        (head,) = _long.unpack_from(buffer.memory, _HEAD_AT)
        (tail,) = _long.unpack_from(buffer.memory, _TAIL_AT)
        # These events may not be timed by CLOCK_BOOTTIME.
        offset_ns = boot_offset_ns()
        found: list[KernelEvent] = []
        while tail < head and len(found) < limit:
            begin = tail % buffer.size + mmap.PAGESIZE
            kind, _, size = _header.unpack_from(buffer.memory, begin)
            if size < _header.size:
                # Never seen; but a mistake here must not turn for ever.
                tail = head
                break
            if kind == _SAMPLE:
                event = parse(_cut(buffer, begin, size), self._file, offset_ns)
                if event is not None:
                    found.append(event if event.command else _read_up(event))
            tail += size
        _long.pack_into(buffer.memory, _TAIL_AT, tail)
        return found

    def close(self) -> None:
        for buffer in self._buffers.values():
            buffer.memory.close()
            os.close(buffer.descriptor)
        self._buffers = {}


def parse(record: bytes, file: ring.Field, offset_ns: int = 0) -> KernelEvent | None:
    """One sample. Without the arguments where the stack does not hold them all."""
    pid, task, at_ns, raw_bytes = _sample.unpack_from(record, _header.size)
    start = _header.size + _sample.size
    if pid != task:
        return None
    name = ring.text(record[start : start + raw_bytes], file)
    start += raw_bytes
    abi, pointer, size = struct.unpack_from("=QQQ", record, start)
    stack = record[start + 24 : start + 24 + size]
    (valid,) = _long.unpack_from(record, start + 24 + size) if size else (0,)
    command = arguments(stack[:valid], pointer) if abi == _BITS_64 else None
    return KernelEvent("exec", at_ns + offset_ns, pid, text=name, command=command)


def arguments(stack: bytes, pointer: int) -> tuple[str, ...] | None:
    """argv out of a new program's stack that begins at ``pointer``; None where it is cut off."""
    if len(stack) < 16:
        return None
    (count,) = _long.unpack_from(stack)
    if not 0 < count <= _ARGUMENTS_LIMIT or len(stack) < 8 * (count + 2):
        return None
    addresses = struct.unpack_from(f"={count + 1}Q", stack, 8)
    first, last = addresses[0] - pointer, addresses[count - 1] - pointer
    if addresses[count] or not 0 < first <= last < len(stack):
        return None
    # The strings stand one after the other; the end of the last is looked for.
    text = stack[first:]
    end = text.find(b"\0", last - first)
    if end < 0:
        return None
    found = text[:end].decode(errors="replace").split("\0")
    return tuple(found) if len(found) == count else None


def _read_up(event: KernelEvent) -> KernelEvent:
    """With the arguments from ``/proc``, where it still runs. About one stack in fifty has a page
    between pointers and strings that was never touched: a sample ends there."""
    return replace(event, command=command_line(event.pid))


def _attribute(event_id: int, stack_pointer: int) -> bytes:
    return _attributes.pack(
        _TRACEPOINT,
        _attributes.size,
        event_id,
        1,
        _TID | _TIME | _RAW | _REGISTERS | _STACK,
        0,
        _USE_CLOCK,
        1,
        0,
        0,
        0,
        0,
        1 << stack_pointer,
        _STACK_BYTES,
        time.CLOCK_MONOTONIC,
        0,
        0,
        0,
        0,
    )


def _open(call: int, attribute: bytes, cpu: int, cpus: int) -> _Buffer:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(call, attribute, -1, cpu, -1, _CLOSE_ON_EXEC)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    wanted = min(max(_ALL_BUFFERS_BYTES // cpus, _BUFFER_BYTES[0]), _BUFFER_BYTES[1])
    # A power of two, and the page with the two positions before it.
    size = 1 << (wanted.bit_length() - 1)
    try:
        memory = mmap.mmap(descriptor, mmap.PAGESIZE + size)
    except OSError:
        os.close(descriptor)
        raise
    return _Buffer(descriptor, memory, size)


def _cut(buffer: _Buffer, begin: int, size: int) -> bytes:
    """A record, which may run over the end of the buffer."""
    end = mmap.PAGESIZE + buffer.size
    if begin + size <= end:
        return buffer.memory[begin : begin + size]
    rest = begin + size - end
    return buffer.memory[begin:end] + buffer.memory[mmap.PAGESIZE : mmap.PAGESIZE + rest]
