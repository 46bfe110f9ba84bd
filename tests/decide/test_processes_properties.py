"""Processes: whatever order the streams arrive in, each process of a container is recorded once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tabib.decide.processes import ProcessTable
from tabib.model.process import KernelEvent, Look, ProcessRecord, Usage

BOOT = datetime(2026, 1, 1, tzinfo=UTC)
CONTAINER = "c" * 64
SHIM, HELPER, FIRST = 10, 20, 21
SECOND = 1_000_000_000


@dataclass
class World:
    """What the kernel would tell of a container and of others, each stream in order."""

    connector: list[KernelEvent] = field(default_factory=list)
    taskstats: list[KernelEvent] = field(default_factory=list)
    traced: list[KernelEvent] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)
    inside: set[int] = field(default_factory=set)
    at_ns: int = SECOND
    next_pid: int = 100

    def tick(self) -> int:
        self.at_ns += 1000
        return self.at_ns

    def fork(self, parent: int, pid: int) -> None:
        self.connector.append(KernelEvent("fork", self.tick(), pid, pid, parent))
        if parent in self.inside:
            self.inside.add(pid)

    def execute(self, pid: int, *command: str) -> None:
        self.traced.append(KernelEvent("exec", self.tick(), pid, text=command[0], command=command))
        self.connector.append(KernelEvent("exec", self.tick(), pid, pid))

    def exit(self, pid: int, code: int, threads: int = 0) -> None:
        for number in range(threads):
            self._usage(pid * 1000 + number, pid, code, last=False)
        self._usage(pid, pid, code, last=True)
        self.connector.append(KernelEvent("exit", self.tick(), pid, pid, number=code))
        self.codes[pid] = code

    def _usage(self, task: int, pid: int, code: int, *, last: bool) -> None:
        usage = Usage("x", 0, 1, 1000, 4096, 0, 0, code, 5, last)
        self.taskstats.append(KernelEvent("usage", self.tick(), task, pid, usage=usage))

    def start_container(self) -> None:
        """As runc does it: a helper is moved in, makes the first process, which is born to runc."""
        self.fork(1, SHIM)
        self.fork(SHIM, HELPER)
        self.execute(HELPER, "runc", "init")
        self.traced.append(KernelEvent("attach", self.tick(), HELPER, text=CONTAINER))
        self.connector.append(KernelEvent("fork", self.tick(), FIRST, FIRST, SHIM))
        self.traced.append(KernelEvent("born", self.at_ns, FIRST, parent=HELPER))
        self.exit(HELPER, 0)
        self.execute(FIRST, "sh")
        self.inside.add(FIRST)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    world.start_container()
    live = [SHIM, FIRST]
    for _ in range(draw(st.integers(0, 25))):
        what = draw(st.sampled_from(["fork", "fork", "exec", "exit", "fork-exec-exit"]))
        pid = draw(st.sampled_from(live))
        if what == "exec":
            world.execute(pid, "/bin/x", str(pid))
        elif what == "exit" and pid not in (SHIM, FIRST):
            world.exit(pid, draw(st.sampled_from([0, 256, 9, 139])), draw(st.integers(0, 2)))
            live.remove(pid)
        elif what.startswith("fork"):
            child = world.next_pid
            world.next_pid += 1
            world.fork(pid, child)
            if what == "fork":
                live.append(child)
            else:
                world.execute(child, "/bin/true", str(child))
                world.exit(child, 0)
    for pid in reversed(live):
        world.exit(pid, 0)
    return world


def merged(draw: st.DrawFn, *streams: list[KernelEvent]) -> list[KernelEvent]:
    left = [list(reversed(stream)) for stream in streams]
    order = [number for number, stream in enumerate(streams) for _ in stream]
    return [left[number].pop() for number in draw(st.permutations(order))]


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[World, list[KernelEvent]]:
    world = draw(worlds())
    return world, merged(draw, world.connector, world.taskstats, world.traced)


def blind(_: int) -> Look | None:
    return None


def finished(table: ProcessTable, events: list[KernelEvent], now_ns: int) -> list[ProcessRecord]:
    found = table.take(events, blind)
    for second in range(1, 8):
        found += table.settle(now_ns + second * SECOND, blind)
    return found


@settings(max_examples=300, deadline=None)
@given(interleaved())
def test_each_process_is_recorded_once_in_any_order(case: tuple[World, list[KernelEvent]]) -> None:
    world, events = case
    table = ProcessTable("e", BOOT)

    records = finished(table, events, world.at_ns)

    assert Counter(one.pid for one in records) == Counter(world.inside)
    for one in records:
        code = world.codes[one.pid]
        assert one.container_id == CONTAINER
        assert (one.exit_code, one.signal) == (
            (code >> 8, None) if not code & 0x7F else (None, code & 0x7F)
        )
        assert one.cpu_seconds
        assert one.ended_at is not None
        assert not one.assumed
    assert len(table) == 0


@settings(max_examples=200, deadline=None)
@given(interleaved(), st.data())
def test_what_is_lost_leaves_nothing_open_after_a_rescan(
    case: tuple[World, list[KernelEvent]], data: st.DataObject
) -> None:
    world, events = case
    kept = data.draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))
    table = ProcessTable("e", BOOT)
    lossy = [event for event, keep in zip(events, kept, strict=True) if keep]
    lost = KernelEvent("lost", world.tick(), 0, text="proc connector")

    records = table.take([*lossy, lost], blind)
    assert table.rescan_needed
    records += table.adopt([], world.at_ns + 1)
    assert not table.rescan_needed
    records += finished(table, [], world.at_ns + 2 * SECOND)

    assert table.containers() == frozenset()
    ended = Counter(one.pid for one in records if one.ended_at)
    assert max(ended.values(), default=1) == 1
    assert set(ended) <= world.inside | {HELPER}
    running = {one.pid for one in records if not one.ended_at}
    assert running <= set(ended)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 60))
def test_the_table_is_bounded(limit: int, forks: int) -> None:
    table = ProcessTable("e", BOOT, limit=limit)
    table.take([KernelEvent("fork", SECOND + n, 100 + n, 100 + n, 1) for n in range(forks)], blind)
    assert len(table) == min(limit, forks)
    assert table.dropped == max(0, forks - limit)
