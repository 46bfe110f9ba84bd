"""Processes of real containers, from fork to exit. Needs root in the host's namespaces."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from support.process_recorder import ProcessRecorder
from support.real_engine import IMAGE
from tabib.host.processes import LinuxStreams
from tabib.host.processes.tracefs import open_instance
from tabib.model.process import ProcessRecord
from tabib.model.wire import EndpointAddress

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0, reason="the kernel's streams need root"),
]


class Containers:
    """Containers of one test, by the command line; removed at the end."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0

    async def start(self, *command: str, options: tuple[str, ...] = ()) -> str:
        self._count += 1
        name = f"{self._prefix}-{self._count}"
        return await docker("run", "-d", "--name", name, *options, IMAGE, *command)

    def close(self) -> None:
        names = [f"{self._prefix}-{number + 1}" for number in range(self._count)]
        if names:
            subprocess.run(["docker", "rm", "-f", *names], capture_output=True, check=False)


async def docker(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "docker", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode().strip()


@pytest.fixture
def containers(engine_address: EndpointAddress, project_name: str) -> Iterator[Containers]:
    made = Containers(project_name)
    yield made
    made.close()


@pytest.fixture
async def recorder() -> AsyncIterator[ProcessRecorder]:
    async with ProcessRecorder() as recording:
        assert recording.streams.missing == ()
        yield recording


def by_command(records: list[ProcessRecord]) -> dict[str, ProcessRecord]:
    return {one.command: one for one in records}


async def test_a_tree_of_processes_is_recorded_with_parents_and_codes(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    script = "/bin/true one; sh -c '/bin/false two; exit 5'; exit 7"
    made = await containers.start("sh", "-c", script)

    records = await recorder.ended(made, 4)

    assert len(records) == 4
    first, true, inner, false = records
    assert (first.exit_code, true.exit_code, inner.exit_code, false.exit_code) == (7, 0, 5, 1)
    assert (true.ppid, inner.ppid, false.ppid) == (first.pid, first.pid, inner.pid)
    assert [one.command for one in records[1:]] == [
        "/bin/true one",
        "sh -c '/bin/false two; exit 5'",
        "/bin/false two",
    ]
    assert all(one.command_complete and not one.assumed for one in records)
    assert all(one.killed_by == "" and one.signal is None for one in records)
    assert all(one.ended_at and one.ended_at >= one.started_at for one in records)


async def test_a_daemon_that_left_its_parents_is_followed(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    script = "(setsid sh -c 'sleep 0.3 & exit 0' &) ; sleep 0.6"
    made = await containers.start("sh", "-c", script)

    records = await recorder.ended(made, 4)

    daemon = next(one for one in records if one.command == "sleep 0.3")
    left = next(one for one in records if one.pid == daemon.ppid)
    assert daemon.exit_code == 0
    assert left.command == "sh -c 'sleep 0.3 & exit 0'"
    assert left.ended_at is not None
    assert daemon.ended_at is not None
    assert left.ended_at < daemon.ended_at


async def test_containers_that_live_for_a_moment_are_whole(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    made = [await containers.start("/bin/true", str(number)) for number in range(4)]
    for number, container in enumerate(made):
        (only,) = await recorder.ended(container, 1)
        assert only.command == f"/bin/true {number}"
        assert only.exit_code == 0


async def test_exec_and_users_are_recorded(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    made = await containers.start("sleep", "1000", options=("--user", "1234"))
    await docker("exec", "-u", "4321", made, "id")
    (done,) = await recorder.ended(made, 1)
    assert (done.command, done.user, done.exit_code) == ("id", 4321, 0)
    (first,) = recorder.table.running(made)
    assert (first.command, first.user, first.ended_at) == ("sleep 1000", 1234, None)
    assert made in recorder.table.containers()


# Not 3: an engine that a script started in its background passes on that it is ignored.
@pytest.mark.parametrize("number", [6, 7, 9, 11, 15])
async def test_signals_from_itself(
    recorder: ProcessRecorder, containers: Containers, number: int
) -> None:
    made = await containers.start("sh", "-c", f"sh -c 'kill -{number} $$'; exit 0")
    records = await recorder.ended(made, 2)
    killed = [one for one in records if one.signal is not None]
    assert [(one.signal, one.exit_code) for one in killed] == [(number, None)], records
    assert killed[0].killed_by == "itself"


async def test_killed_by_a_sibling(recorder: ProcessRecorder, containers: Containers) -> None:
    made = await containers.start("sh", "-c", 'sleep 50 & sh -c "kill -9 $!; exit 0"; exit 0')
    records = await recorder.ended(made, 3)
    killer = next(one for one in records if one.command.startswith("sh -c 'kill"))
    victim = next(one for one in records if one.signal == 9)
    assert victim.killed_by == f"sh[{killer.pid}]"


async def test_killed_by_the_engine_with_all_that_was_in_the_container(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    made = await containers.start("sh", "-c", "sleep 500 & sleep 600; :")
    await docker("kill", made)
    records = await recorder.ended(made, 3)
    assert [one.signal for one in records] == [9, 9, 9]
    assert [one.killed_by for one in records] == ["engine"] * 3


async def test_stopped_by_the_engine(recorder: ProcessRecorder, containers: Containers) -> None:
    made = await containers.start("sh", "-c", "trap 'exit 3' TERM; sleep 500 & wait")
    await docker("stop", "-t", "5", made)
    first, child = await recorder.ended(made, 2)
    assert (first.exit_code, first.signal, first.killed_by) == (3, None, "")
    assert (child.signal, child.killed_by) == (9, "engine")


async def test_killed_by_a_process_of_the_host(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    made = await containers.start("sh", "-c", "sleep 1 & sleep 500; :")
    await recorder.ended(made, 1)
    victim = next(one for one in recorder.table.running(made) if one.command == "sleep 500")
    os.kill(victim.pid, signal.SIGKILL)
    records = await recorder.ended(made, 3)
    killed = next(one for one in records if one.pid == victim.pid)
    assert killed.signal == 9
    assert killed.killed_by.startswith("host:")
    assert killed.killed_by.endswith(f"[{os.getpid()}]")


async def test_killed_for_memory(recorder: ProcessRecorder, containers: Containers) -> None:
    limit = ("-m", "24m", "--memory-swap", "24m")
    made = await containers.start("sh", "-c", "tail /dev/zero; exit 0", options=limit)
    first, child = await recorder.ended(made, 2)
    assert (child.signal, child.killed_by) == (9, "oom")
    assert first.exit_code == 0
    assert child.peak_memory_bytes is not None
    assert 12e6 < child.peak_memory_bytes <= 28e6


async def test_cpu_memory_and_bytes_written(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    script = (
        "sh -c 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; times'; "
        "/bin/dd if=/dev/zero of=/x bs=8M count=2; exit 0"
    )
    made = await containers.start("sh", "-c", script)
    _, spin, dd = await recorder.ended(made, 3)
    said = (await docker("logs", made)).splitlines()[0].split()
    told_s = sum(
        int(minutes) * 60 + float(seconds)
        for minutes, _, seconds in (one.rstrip("s").partition("m") for one in said)
    )
    assert spin.cpu_seconds == pytest.approx(told_s, abs=0.05)
    assert spin.cpu_seconds > 0.1
    assert dd.written_bytes is not None
    assert dd.written_bytes == pytest.approx(16 * 1024 * 1024, rel=0.01)
    assert dd.peak_memory_bytes is not None
    assert 8e6 < dd.peak_memory_bytes < 16e6


async def test_what_lives_is_told_and_then_its_end(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    made = await containers.start("sleep", "3")
    (ended,) = await recorder.ended(made, 1)
    (only,) = [one for one in recorder.records.values() if one.container_id == made]
    assert only == ended
    assert (ended.exit_code, ended.assumed) == (0, False)


async def test_what_ran_before_is_found_by_a_scan(containers: Containers) -> None:
    made = await containers.start("sh", "-c", "sleep 500 & sleep 600; :")
    async with ProcessRecorder() as recorder:
        commands = [one.command for one in recorder.table.running(made)]
        assert sorted(commands[1:]) == ["sleep 500", "sleep 600"]
        await docker("kill", made)
        records = await recorder.ended(made, 3)
        assert {one.signal for one in records} == {9}
        assert {one.killed_by for one in records} == {"engine"}


async def test_a_thousand_starts_are_all_recorded(
    recorder: ProcessRecorder, containers: Containers
) -> None:
    script = "i=0; while [ $i -lt 2000 ]; do /bin/true $i; i=$((i+1)); done; exit 0"
    made = await containers.start("sh", "-c", script)
    records = await recorder.ended(made, 2001)
    assert len(records) == 2001
    assert {one.exit_code for one in records} == {0}
    assert all(one.cpu_seconds is not None for one in records)
    complete = [one.command for one in records if one.command_complete]
    assert len(complete) == len(set(complete))
    assert len(complete) > 1800
    assert recorder.table.lost == 0


async def test_an_overflow_is_told_and_nothing_stays_open(containers: Containers) -> None:
    async with ProcessRecorder(LinuxStreams(buffer_bytes=4096)) as recorder:
        script = "i=0; while [ $i -lt 3000 ]; do /bin/true $i; i=$((i+1)); done; sleep 2; exit 0"
        made = await containers.start("sh", "-c", script)
        await docker("wait", made)
        await recorder.ended(made, 100)
        assert recorder.table.lost > 0
        for _ in range(100):
            if made not in recorder.table.containers() and not recorder.table.rescan_needed:
                break
            await asyncio.sleep(0.1)
        assert made not in recorder.table.containers()
        open_ones = [
            one
            for one in recorder.records.values()
            if one.container_id == made and one.ended_at is None
        ]
        assert open_ones == []


async def test_closing_leaves_nothing_of_ours_in_the_kernel() -> None:
    first, second = LinuxStreams(), LinuxStreams()
    first.start(lambda _: None)
    first.close()
    first.close()
    second.start(lambda _: None)
    assert second.missing == ()
    second.close()
    instance = open_instance()
    names = os.listdir(f"/proc/self/fd/{instance.root}/instances")
    instance.close()
    assert [one for one in names if one.startswith(f"tabib-{os.getpid()}-")] == [instance.name]


async def test_in_another_namespace_it_says_what_is_missing_and_how_to_grant_it() -> None:
    program = (
        "import asyncio\n"
        "from tabib.host.processes import LinuxStreams\n"
        "async def main():\n"
        "    streams = LinuxStreams()\n"
        "    streams.start(print)\n"
        "    print(*[f'{m.what}: {m.why}' for m in streams.missing], sep='\\n')\n"
        "    streams.close()\n"
        "asyncio.run(main())\n"
    )
    for option, why in (
        ("--net", "network namespace of its own"),
        ("--pid", "pid namespace of its own"),
        ("--user", "user namespace of its own"),
    ):
        done = await asyncio.create_subprocess_exec(
            "unshare", option, "--fork", sys.executable, "-c", program, stdout=subprocess.PIPE
        )
        output, _ = await done.communicate()
        assert why in output.decode(), (option, output)
