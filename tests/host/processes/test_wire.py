"""What the kernel sends, from messages recorded on Linux 6.18: a shell that killed itself, and a
Python program with a thread that exited with 3."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path

import pytest

from tabib.host.processes import connector, executions, netlink, ring, taskstats, tracing
from tabib.host.processes.container_id import container_of
from tabib.host.processes.threads import Threads

RECORDED = json.loads(Path(__file__).with_name("recorded.json").read_text())
SHELL, PYTHON = RECORDED["pids"]
ID = "0123456789abcdef" * 4


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def test_the_connector_tells_fork_exec_and_exit() -> None:
    messages = [unpacked(one) for one in RECORDED["connector"][str(SHELL)]]
    events = [connector.parse(one, 7, read_commands=False) for one in messages]

    told = [one for one in events if one is not None]
    assert [one.what for one in told] == ["fork", "exec", "exit"]
    assert {one.pid for one in told} == {SHELL}
    assert told[0].parent
    assert told[2].number == 9
    stamp = struct.unpack_from("=Q", messages[0], 44)[0]
    assert told[0].at_ns == stamp + 7


def test_threads_are_not_processes() -> None:
    heard: list[tuple[int, int]] = []
    (message,) = RECORDED["connector"]["thread"]
    assert connector.parse(unpacked(message), 0, lambda *thread: heard.append(thread)) is None
    assert heard[0][1] == PYTHON


def test_a_message_that_is_cut_off_is_no_event() -> None:
    message = unpacked(RECORDED["connector"][str(SHELL)][0])
    assert connector.parse(message[:50]) is None


def test_taskstats_tell_what_each_task_used() -> None:
    threads = Threads()
    events = [
        event
        for one in RECORDED["taskstats"]
        for event in taskstats.parse(unpacked(one), 5, threads)
    ]
    shell = next(one for one in events if one.pid == SHELL)
    assert shell.usage is not None
    assert (shell.usage.exit_code, shell.usage.last_of_group) == (9, True)
    assert shell.usage.name == "sh"
    assert 0 < shell.usage.cpu_us < 100_000
    assert 100_000 < shell.usage.peak_memory_bytes < 50_000_000
    python = [one for one in events if one.tgid == PYTHON]
    assert len(python) == 2
    assert [one.usage.last_of_group for one in python if one.usage] == [False, True]
    assert python[1].usage is not None
    assert python[1].usage.exit_code == 3 << 8


ENDS = (32, 48, 64, 328, 344, 368, 416, 432)
"""Where the figures of each delay end, up to version 14."""


def as_linux_6_14(message: bytes, extra: int) -> bytes:
    """The same figures with ``extra`` bytes behind each delay."""
    at = _stats_at(message)
    stats = struct.pack("=H", 15) + message[at + 2 : at + 432]
    body, begin = b"", 0
    for end in ENDS:
        body += stats[begin:end] + bytes(extra)
        begin = end
    pid = netlink.attribute(1, bytes(4)) + netlink.attribute(3, body)
    return message[:20] + netlink.attribute(4, pid)


def _stats_at(message: bytes) -> int:
    """Header, the aggregate's, the process id's, the figures'; aligned to eight."""
    for at in range(20, 64, 4):
        length, kind = struct.unpack_from("=HH", message, at)
        if kind & 0x3FFF == 3 and length > 300:
            return at + 4
    raise AssertionError("no figures in it")


def test_the_layout_of_linux_6_14_is_known() -> None:
    message = next(
        unpacked(one)
        for one in RECORDED["taskstats"]
        if taskstats.parse(unpacked(one), 5, Threads())[0].pid == SHELL
    )
    (plain,) = taskstats.parse(message, 5, Threads())
    (moved,) = taskstats.parse(as_linux_6_14(message, 16), 5, Threads())
    assert moved == plain


def test_old_kernels_leave_the_threads_to_us() -> None:
    threads = Threads()
    threads.born(11, 10)
    assert threads.ended(10) == (10, False)
    assert threads.ended(11) == (10, True)
    assert threads.ended(99) == (99, True)
    assert (threads.process_of(11), threads.process_of(99)) == (10, 0)


def decoders() -> tracing.Decoders:
    return tracing.decoders(RECORDED["formats"], RECORDED["header_page"], Threads())


def test_trace_pages_tell_of_execution_and_kill() -> None:
    events = [
        event for page in RECORDED["pages"] for event in tracing.parse(unpacked(page), decoders())
    ]
    files = {one.pid: one.text for one in events if one.what == "exec"}
    assert files[SHELL] == "/bin/sh"
    (kill,) = [one for one in events if one.what == "signal" and one.pid == SHELL]
    assert (kill.number, kill.parent, kill.kernel) == (9, SHELL, False)
    times = [one.at_ns for one in events if one.pid == SHELL]
    assert times == sorted(times)


def test_an_overwritten_page_says_so() -> None:
    page = bytearray(unpacked(RECORDED["pages"][0]))
    layout = ring.parse_header_page(RECORDED["header_page"])
    (commit,) = struct.unpack_from("=I", page, layout.commit_at)
    struct.pack_into("=I", page, layout.commit_at, commit | 1 << 31)
    assert tracing.parse(bytes(page), decoders())[0].what == "lost"


def test_time_extends_padding_and_long_records_are_followed() -> None:
    layout = ring.PageLayout(8, 8, 16, 4096)
    content = b"".join(
        (
            struct.pack("=II", 30 | 5 << 5, 2),  # TIME_EXTEND: 2 << 27, and 5
            struct.pack("=I8s", 2 | 1 << 5, b"abcdefgh"),
            struct.pack("=II4s", 0 | 1 << 5, 8, b"wxyz"),  # its length in a word of its own
            struct.pack("=II4x", 29 | 3 << 5, 8),  # discarded
            struct.pack("=I4s", 1 | 1 << 5, b"last"),
            struct.pack("=I", 29),  # the rest is empty
        )
    )
    page = struct.pack("=QQ", 1000, len(content)) + content
    later = 1000 + (2 << 27) + 5
    assert list(ring.records(page, layout)) == [
        (later + 1, b"abcdefgh"),
        (later + 2, b"wxyz"),
        (later + 6, b"last"),
    ]


def test_the_stack_of_a_new_program_tells_its_arguments() -> None:
    file = ring.parse_format(RECORDED["formats"]["sched_process_exec"]).fields["filename"]
    events = [executions.parse(unpacked(one), file) for one in RECORDED["samples"]]
    assert events[0] is not None
    assert events[0].pid == SHELL
    assert events[0].text == "/bin/sh"
    assert events[0].command == ("/bin/sh", "-c", "kill -9 $$", "a word")


POINTER = 0x7FFD_0000_0000


def stack(*arguments: bytes, gap: int = 64) -> bytes:
    strings = POINTER + 8 * (len(arguments) + 2) + gap
    addresses = []
    for one in arguments:
        addresses.append(strings)
        strings += len(one) + 1
    words = struct.pack(f"={len(arguments) + 2}Q", len(arguments), *addresses, 0)
    return words + bytes(gap) + b"".join(one + b"\0" for one in arguments) + b"SECRET=1\0"


def test_arguments_may_be_empty_and_of_any_bytes() -> None:
    found = executions.arguments(stack(b"a", b"", b"\xff b"), POINTER)
    assert found == ("a", "", "� b")


@pytest.mark.parametrize("cut", [0, 15, 30, 90, 98])
def test_a_stack_that_is_cut_off_tells_nothing(cut: int) -> None:
    assert executions.arguments(stack(b"program", b"argument")[:cut], POINTER) is None


def test_a_program_without_arguments_is_none() -> None:
    assert executions.arguments(struct.pack("=QQQ", 0, 0, 0), POINTER) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/docker/{ID}", ID),
        (f"12:pids:/docker/{ID}\n0::/\n", ID),
        (f"0::/system.slice/docker-{ID}.scope\n", ID),
        (f"0::/../docker-{ID}.scope/init\n", ID),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", ID),
        (f"0::/machine.slice/libpod-conmon-{ID}.scope\n", ""),
        (f"0::/kubepods/burstable/pod1234/{ID}\n", ID),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n", ID),
        (f"0::/kubepods.slice/crio-{ID}.scope\n", ID),
        (f"0::/system.slice:docker:{ID}\n", ID),
        (f"0::/docker/{ID}/docker/{'f' * 64}\n", ID),
        ("0::/user.slice/user-1000.slice/session-1.scope\n", ""),
        (f"0::/build/{ID}0\n", ""),
        (f"0::/build/x{ID}\n", ""),
    ],
)
def test_the_container_is_in_the_path_of_the_cgroup(path: str, expected: str) -> None:
    assert container_of(path) == expected
