"""Trace events about processes: who moved into a container, what was executed, who killed whom.

Sources: ``include/trace/events/{signal,sched,cgroup,oom}.h``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from tabib.host.processes import ring
from tabib.host.processes.container_id import container_of
from tabib.host.processes.scan import name_of, process_of
from tabib.host.processes.threads import Threads
from tabib.host.processes.tracefs import Instance, open_instance
from tabib.model.process import KernelEvent

NAME = "tracefs"
_SENT_BY_KERNEL = 0x80
"""SI_KERNEL."""

Fields = dict[str, ring.Field]
Decode = Callable[[int, bytes], KernelEvent | None]


@dataclass(frozen=True, slots=True)
class Decoders:
    """What to make of each event, by its id."""

    by_id: dict[int, Decode]
    layout: ring.PageLayout
    type_field: ring.Field


class Tracing:
    """The open instance. Opening raises :class:`OSError`."""

    def __init__(self, threads: Threads) -> None:
        self._instance: Instance = open_instance()
        try:
            self._decoders = decoders(self._instance.formats, self._instance.header_page, threads)
        except ValueError as error:
            self._instance.close()
            raise OSError(str(error)) from error

    @property
    def buffers(self) -> tuple[int, ...]:
        """The descriptors to be waited on, one a processor."""
        return self._instance.buffers

    def read(self, descriptor: int, limit: int) -> tuple[list[KernelEvent], bool]:
        """The events of up to ``limit`` pages of a buffer, and whether there may be more."""
        found: list[KernelEvent] = []
        size = self._decoders.layout.size
        for _ in range(limit):
            try:
                page = os.read(descriptor, size)
            except BlockingIOError:
                return found, False
            if not page:
                return found, False
            found += parse(page, self._decoders)
        return found, True

    @property
    def exec_format(self) -> str:
        """The kernel's description of the event ``sched_process_exec``."""
        return self._instance.formats.get("sched_process_exec", "")

    def without_exec(self) -> None:
        self._instance.disable("sched/sched_process_exec")

    def close(self) -> None:
        self._instance.close()


def decoders(formats: dict[str, str], header_page: str, threads: Threads) -> Decoders:
    """From the kernel's descriptions. :raises ValueError: they lack what is needed."""
    by_id: dict[int, Decode] = {}
    type_field = None
    for name, description in formats.items():
        form = ring.parse_format(description)
        try:
            type_field = form.fields["common_type"]
            by_id[form.id] = _MAKERS[name](form.fields, threads)
        except KeyError as error:
            raise ValueError(f"the trace event {name} has no {error}") from error
    if type_field is None:
        raise ValueError("no trace event is described")
    return Decoders(by_id, ring.parse_header_page(header_page), type_field)


def parse(page: bytes, known: Decoders) -> list[KernelEvent]:
    """The events of one page; one ``lost`` before them where some were overwritten."""
    found: list[KernelEvent] = []
    if ring.missed(page, known.layout):
        found.append(KernelEvent("lost", time.clock_gettime_ns(time.CLOCK_BOOTTIME), 0, text=NAME))
    for at_ns, record in ring.records(page, known.layout):
        decode = known.by_id.get(ring.integer(record, known.type_field))
        event = decode(at_ns, record) if decode else None
        if event is not None:
            found.append(event)
    return found


def _process(tid: int, threads: Threads) -> int:
    """The process of a thread; its own number where nobody knows it any more."""
    return process_of(tid) or threads.process_of(tid) or tid


def _signal(fields: Fields, threads: Threads) -> Decode:
    number, code = fields["sig"], fields["code"]
    target, sender = fields["pid"], fields["common_pid"]

    def decode(at_ns: int, record: bytes) -> KernelEvent:
        receiver, tid = ring.integer(record, target), ring.integer(record, sender)
        # Threads send and receive.
        process = _process(receiver, threads)
        return KernelEvent(
            "signal",
            at_ns,
            process,
            parent=process if tid == receiver else _process(tid, threads),
            number=ring.integer(record, number),
            text=name_of(tid),
            kernel=ring.integer(record, code) == _SENT_BY_KERNEL,
        )

    return decode


def _attach(fields: Fields, _: Threads) -> Decode:
    pid, path = fields["pid"], fields["dst_path"]

    def decode(at_ns: int, record: bytes) -> KernelEvent | None:
        container_id = container_of(ring.text(record, path))
        if not container_id:
            return None
        return KernelEvent("attach", at_ns, ring.integer(record, pid), text=container_id)

    return decode


def _exec(fields: Fields, _: Threads) -> Decode:
    pid, file = fields["pid"], fields["filename"]

    def decode(at_ns: int, record: bytes) -> KernelEvent:
        return KernelEvent("exec", at_ns, ring.integer(record, pid), text=ring.text(record, file))

    return decode


def _oom(fields: Fields, threads: Threads) -> Decode:
    pid = fields["pid"]

    def decode(at_ns: int, record: bytes) -> KernelEvent:
        victim = ring.integer(record, pid)
        return KernelEvent("oom", at_ns, _process(victim, threads))

    return decode


def _born(fields: Fields, _: Threads) -> Decode:
    child, parent = fields["child_pid"], fields["parent_pid"]

    def decode(at_ns: int, record: bytes) -> KernelEvent:
        pid = ring.integer(record, child)
        return KernelEvent("born", at_ns, pid, parent=ring.integer(record, parent))

    return decode


_MAKERS: dict[str, Callable[[Fields, Threads], Decode]] = {
    "signal_generate": _signal,
    "cgroup_attach_task": _attach,
    "sched_process_exec": _exec,
    "sched_process_fork": _born,
    "mark_victim": _oom,
}
