"""Process records: attribution, names of killers, numbers used again, what /proc adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tabib.decide.processes import ProcessTable, ended_unseen
from tabib.decide.redact import Redactor
from tabib.model.process import KernelEvent, Look, ProcessRecord, Usage

BOOT = datetime(2026, 1, 1, tzinfo=UTC)
MINE, OTHER = "a" * 64, "b" * 64
SECOND = 1_000_000_000
FIRST, CHILD, HOST = 100, 101, 50


def look(pid: int, container_id: str = MINE, **fields: object) -> Look:
    plain = Look(pid, 1, pid * 1_000_000, "sh", ("sh",), 0, container_id)
    return replace(plain, **fields)  # type: ignore[arg-type]


def nobody(_: int) -> Look | None:
    return None


def fork(pid: int, parent: int, at_ns: int) -> KernelEvent:
    return KernelEvent("fork", at_ns, pid, pid, parent)


def execute(pid: int, at_ns: int, *command: str) -> KernelEvent:
    return KernelEvent("exec", at_ns, pid, pid, command=command or None)


def end(pid: int, code: int, at_ns: int) -> list[KernelEvent]:
    usage = Usage("sh", 7, 1, 2_500_000, 4096, 1, 2, code, 5, True)
    return [
        KernelEvent("usage", at_ns, pid, pid, usage=usage),
        KernelEvent("exit", at_ns, pid, pid, number=code),
    ]


def kill(pid: int, sender: int, number: int = 9, name: str = "", **more: bool) -> KernelEvent:
    return KernelEvent("signal", 3 * SECOND, pid, parent=sender, number=number, text=name, **more)


def table() -> ProcessTable:
    """With a container's first process, its child, and a process of the host."""
    made = ProcessTable("e", BOOT)
    made.adopt([look(FIRST, start_ns=SECOND)], SECOND)
    made.take([fork(CHILD, FIRST, 2 * SECOND), fork(HOST, 1, 2 * SECOND)], nobody)
    made.take([execute(HOST, 2 * SECOND + 1, "/usr/bin/python3", "x")], nobody)
    return made


def only(records: list[ProcessRecord]) -> ProcessRecord:
    (record,) = records
    return record


def test_a_record_tells_all_of_a_life() -> None:
    made = table()
    events = [
        execute(CHILD, 2 * SECOND + 5, "/bin/job", "a b"),
        KernelEvent("uid", 2 * SECOND + 6, CHILD, CHILD, number=33),
        *end(CHILD, 3 << 8, 4 * SECOND),
    ]
    assert only(made.take(events, nobody)) == ProcessRecord(
        engine_id="e",
        container_id=MINE,
        pid=CHILD,
        ppid=FIRST,
        started_ns=2 * SECOND,
        started_at=BOOT + timedelta(seconds=2),
        name="sh",
        command="/bin/job 'a b'",
        user=33,
        ended_at=BOOT + timedelta(seconds=4),
        exit_code=3,
        cpu_seconds=2.5,
        peak_memory_bytes=4096,
        read_bytes=1,
        written_bytes=2,
    )


@pytest.mark.parametrize(
    ("signals", "killer"),
    [
        ([kill(CHILD, CHILD)], "itself"),
        ([kill(CHILD, FIRST, name="sh")], f"sh[{FIRST}]"),
        ([kill(CHILD, FIRST)], f"sh[{FIRST}]"),
        ([kill(CHILD, HOST)], f"host:python3[{HOST}]"),
        ([kill(CHILD, 999, name="runc")], "engine"),
        ([kill(CHILD, 999, name="containerd-shim")], "engine"),
        ([kill(CHILD, 999)], "unknown"),
        ([], "unknown"),
        ([kill(CHILD, HOST, number=15)], "unknown"),
        ([kill(CHILD, FIRST), kill(CHILD, HOST)], f"sh[{FIRST}]"),
        ([KernelEvent("oom", 3 * SECOND, CHILD), kill(CHILD, FIRST, kernel=True)], "oom"),
        ([kill(CHILD, FIRST, kernel=True)], f"sh[{FIRST}]"),
        ([kill(FIRST, 999, name="runc"), kill(CHILD, FIRST, kernel=True)], "engine"),
        ([kill(FIRST, 999, 15, "runc"), kill(CHILD, FIRST, kernel=True)], "engine"),
        ([kill(FIRST, HOST), kill(CHILD, FIRST, kernel=True)], f"host:python3[{HOST}]"),
        ([kill(CHILD, HOST, kernel=True)], "unknown"),
    ],
)
def test_who_killed(signals: list[KernelEvent], killer: str) -> None:
    record = only(table().take([*signals, *end(CHILD, 9, 4 * SECOND)], nobody))
    assert (record.signal, record.exit_code, record.killed_by) == (9, None, killer)


@pytest.mark.parametrize("number", [3, 7, 11, 15])
def test_other_signals_and_core_dumps(number: int) -> None:
    events = [kill(CHILD, CHILD, number), *end(CHILD, number | 0x80, 4 * SECOND)]
    record = only(table().take(events, nobody))
    assert (record.signal, record.killed_by) == (number, "itself")


def test_a_signal_to_a_thread_is_one_to_its_process() -> None:
    usage = Usage("t", 0, 1, 0, 0, 0, 0, 11, 5, False)
    events = [
        kill(7777, 7777, 11),
        KernelEvent("usage", 3 * SECOND, 7777, CHILD, usage=usage),
        *end(CHILD, 11, 3 * SECOND),
    ]
    assert only(table().take(events, nobody)).killed_by == "itself"


def test_a_process_of_the_host_is_not_recorded() -> None:
    assert table().take(end(HOST, 0, 4 * SECOND), nobody) == []


def test_an_unknown_process_is_looked_at_when_it_executes() -> None:
    made = table()
    found = look(500, OTHER, command=("job", "x"), start_ns=SECOND)
    made.take([execute(500, 3 * SECOND)], {500: found}.get)
    record = only(made.take(end(500, 0, 4 * SECOND), nobody))
    assert (record.container_id, record.command) == (OTHER, "job x")
    assert record.started_ns == SECOND


def test_a_process_that_only_forked_shows_its_parents_command() -> None:
    made = table()
    made.take([execute(CHILD, 2 * SECOND + 5, "worker", "--all")], nobody)
    made.take([fork(103, CHILD, 3 * SECOND)], nobody)
    record = only(made.take(end(103, 0, 4 * SECOND), nobody))
    assert (record.command, record.ppid) == ("worker --all", CHILD)


def test_a_first_thread_that_ends_is_not_the_end() -> None:
    made = table()
    leader = Usage("sh", 0, 1, 10, 0, 0, 0, 0, 5, False)
    made.take(
        [
            KernelEvent("usage", 3 * SECOND, CHILD, CHILD, usage=leader),
            KernelEvent("exit", 3 * SECOND, CHILD, CHILD, number=0),
        ],
        nobody,
    )
    found = [one for one in made.settle(9 * SECOND, nobody) if one.pid == CHILD]
    assert [one.ended_at for one in found] == [None]
    last = replace(leader, last_of_group=True)
    record = only(made.take([KernelEvent("usage", 9 * SECOND, 999, CHILD, usage=last)], nobody))
    assert record.pid == CHILD
    assert record.cpu_seconds == 20 / 1e6


def test_an_end_of_which_one_half_is_lost_comes_after_a_moment() -> None:
    usage, exit_ = end(CHILD, 256, 3 * SECOND)
    for half in (usage, exit_):
        made = table()
        assert made.take([half], nobody) == []
        record = only([one for one in made.settle(5 * SECOND, nobody) if one.ended_at])
        assert (record.exit_code, record.assumed) == (1, False)
        assert (record.cpu_seconds is not None) == (half is usage)


def test_a_number_that_is_used_again_ends_the_process_before() -> None:
    made = table()
    record = only(made.take([fork(CHILD, FIRST, 5 * SECOND)], nobody))
    assert (record.started_ns, record.assumed, record.exit_code) == (2 * SECOND, True, None)
    record = only(made.take(end(CHILD, 0, 6 * SECOND), nobody))
    assert (record.started_ns, record.assumed) == (5 * SECOND, False)


def test_what_lives_two_seconds_is_told_once_with_what_it_used_so_far() -> None:
    made = table()
    now = look(CHILD, start_ns=1_990_000_000, cpu_us=70, peak_memory_bytes=9)
    assert CHILD not in {one.pid for one in made.settle(3 * SECOND, nobody)}
    record = only([one for one in made.settle(5 * SECOND, {CHILD: now}.get) if one.pid == CHILD])
    assert (record.started_ns, record.ended_at) == (1_990_000_000, None)
    assert (record.cpu_seconds, record.peak_memory_bytes) == (70 / 1e6, 9)
    assert made.settle(9 * SECOND, nobody) == []
    assert only(made.take(end(CHILD, 0, 9 * SECOND), nobody)).started_ns == record.started_ns


def test_a_scan_finds_who_came_and_who_went() -> None:
    made = table()
    made.take([KernelEvent("lost", 3 * SECOND, 0, text="proc connector")], nobody)
    assert made.rescan_needed
    made.adopt([look(FIRST, start_ns=SECOND), look(200, start_ns=3 * SECOND)], 4 * SECOND)
    assert not made.rescan_needed
    assert {one.pid for one in made.running(MINE)} == {FIRST, CHILD, 200}
    gone = [one for one in made.settle(7 * SECOND, nobody) if one.ended_at]
    assert [(one.pid, one.assumed, one.exit_code) for one in gone] == [(CHILD, True, None)]
    assert {one.pid for one in made.running(MINE)} == {FIRST, 200}


def test_an_end_that_is_told_after_the_scan_is_not_assumed() -> None:
    made = table()
    made.adopt([look(FIRST, start_ns=SECOND)], 4 * SECOND)
    record = only(made.take(end(CHILD, 0, 3 * SECOND), nobody))
    assert not record.assumed
    assert [one for one in made.settle(9 * SECOND, nobody) if one.pid == CHILD] == []


def test_secrets_of_a_container_are_taken_out() -> None:
    made = table()
    made.know_secrets(MINE, Redactor.knowing({"hunter2hunter2"}))
    command = ("mysql", "-phunter3", "--password", "x y", "-e", "select 'hunter2hunter2'")
    made.take([execute(CHILD, 3 * SECOND, *command)], nobody)
    shown = only(made.take(end(CHILD, 0, 4 * SECOND), nobody)).command
    assert "hunter" not in shown
    assert "x y" not in shown
    assert shown.startswith("mysql")


def test_records_of_a_daemon_that_went_are_closed() -> None:
    running = only([one for one in table().running(MINE) if one.pid == FIRST])
    at = BOOT + timedelta(hours=1)
    assert ended_unseen([running], [look(FIRST, start_ns=running.started_ns)], at) == []
    for looks in ([], [look(FIRST, start_ns=5)]):
        closed = only(ended_unseen([running], looks, at))
        assert (closed.ended_at, closed.assumed, closed.exit_code) == (at, True, None)


def test_the_wall_clock_may_be_set() -> None:
    made = table()
    made.set_boot_at(BOOT + timedelta(hours=1))
    record = only(made.take(end(CHILD, 0, 4 * SECOND), nobody))
    assert record.ended_at == BOOT + timedelta(hours=1, seconds=4)


def test_a_process_that_names_itself_after_a_secret() -> None:
    made = table()
    made.know_secrets(MINE, Redactor.knowing({"hunter2hunter2hunter2"}))
    renamed = KernelEvent("comm", 3 * SECOND, FIRST, FIRST, text="hunter2hunter2h")
    made.take([renamed, kill(CHILD, FIRST, name="hunter2hunter2h")], nobody)
    killed = only(made.take(end(CHILD, 9, 4 * SECOND), nobody))
    assert killed.killed_by == f"*****[{FIRST}]"
    assert [one.name for one in made.running(MINE) if one.pid == FIRST] == ["*****"]
