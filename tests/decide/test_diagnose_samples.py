"""Rules on what was recorded before the trouble: samples, process records, and what was not had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.decide.test_diagnose import NOW, case, refused, sick

from tabib.decide.diagnose import diagnose
from tabib.model.incident import HealthProbe, Readings, Recorded
from tabib.model.process import ProcessRecord

MIB = 1 << 20
STEADY = {"block_read_bytes": 0, "block_written_bytes": 0, "network_sent_bytes": 0}
TIMEOUT = "Health check exceeded timeout (1s)"


def readings(step_s: float = 1.0, **metrics: Sequence[int]) -> Readings:
    """Rows that end now, ``step_s`` seconds apart."""
    count = max((len(values) for values in metrics.values()), default=0)
    times = tuple(NOW - timedelta(seconds=step_s * (count - 1 - row)) for row in range(count))
    return Readings(
        metrics=tuple(metrics), times=times, rows=tuple(zip(*metrics.values(), strict=True))
    )


def recorded(
    container: Readings = Readings(),  # noqa: B008 - frozen
    node: Readings = Readings(),  # noqa: B008
    processes: Sequence[ProcessRecord] = (),
) -> Recorded:
    since = NOW - timedelta(minutes=15)
    return Recorded(
        since=since, until=NOW, container=container, node=node, processes=tuple(processes)
    )


def counter(per_second: float, seconds: int = 12) -> list[int]:
    return [int(per_second * second) for second in range(seconds)]


def flat(value: int, seconds: int = 12) -> list[int]:
    return [value] * seconds


def process(pid: int, **told: object) -> ProcessRecord:
    return ProcessRecord(
        engine_id="e", container_id="c1", pid=pid, ppid=1, started_ns=pid,
        started_at=NOW - timedelta(seconds=9), name="worker", command="worker", **told,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_thread_that_never_waits_is_a_spin() -> None:
    spun = readings(cpu_us=counter(990_000), **{name: flat(0) for name in STEADY})
    assert sick(TIMEOUT, -1, recorded=recorded(spun)) == "cpu.spin"


def test_work_is_no_spin() -> None:
    busy = {**{name: flat(0) for name in STEADY}, "network_sent_bytes": counter(900_000)}
    worked = readings(cpu_us=counter(990_000), **busy)
    assert sick(TIMEOUT, -1, recorded=recorded(worked)) == "health.timeout"
    idle = readings(cpu_us=counter(100_000), **{name: flat(0) for name in STEADY})
    assert sick(TIMEOUT, -1, recorded=recorded(idle)) == "health.timeout"


def test_on_a_busy_machine_a_spin_gets_less() -> None:
    spun = readings(cpu_us=counter(600_000), **{name: flat(0) for name in STEADY})
    node = readings(cpu_us=counter(1_950_000), cpus=flat(2))
    assert sick(TIMEOUT, -1, recorded=recorded(spun)) == "health.timeout"
    assert sick(TIMEOUT, -1, recorded=recorded(spun, node)) == "cpu.spin"


def test_a_busy_machine_is_told_and_not_blamed() -> None:
    mine = readings(cpu_us=counter(10_000, 40))
    node = readings(cpu_us=counter(1_990_000, 40), cpus=flat(2, 40))
    probe = HealthProbe(at=NOW, exit_code=-1, output=TIMEOUT)
    _, causes = diagnose(
        case("unhealthy", exit_code=None, health_log=(probe,), recorded=recorded(mine, node))
    )
    assert [one.code for one in causes][:2] == ["health.timeout", "node.cpu"]


@pytest.mark.parametrize(
    ("memory", "limit", "code"),
    [
        ([20 + 5 * n for n in range(24)], 160, "memory.leak"),
        ([20 + 5 * n for n in range(24)], 900, "health.unhealthy"),  # far from its limit
        ([20, *[130] * 23], 160, "health.unhealthy"),  # at one bound: that is its size
        ([20 + 40 * (n % 4) for n in range(24)], 160, "health.unhealthy"),  # up and down
    ],
)
def test_memory_that_only_grows(memory: list[int], limit: int, code: str) -> None:
    told = readings(
        memory_rss_bytes=[value * MIB for value in memory],
        memory_limit_bytes=flat(limit * MIB, 24),
    )
    assert sick("", recorded=recorded(told)) == code


def test_the_machines_own_memory_killer() -> None:
    victim = process(7, ended_at=NOW, signal=9, killed_by="oom")
    _, causes = diagnose(case(exit_code=137, recorded=recorded(processes=[victim])))
    assert causes[0].code == "memory.host-oom"
    _, causes = diagnose(case(exit_code=137, recorded=recorded(processes=[process(7)])))
    assert causes[0].code == "exit.killed"


def test_children_that_nobody_waits_for() -> None:
    dead = [process(pid, ended_at=NOW, exit_code=0) for pid in range(30)]
    filled = readings(threads=[1 + 3 * n for n in range(12)], processes=flat(1))
    log = ("BlockingIOError: [Errno 11] Resource temporarily unavailable",)
    _, causes = diagnose(case(log_tail=log, recorded=recorded(filled, processes=dead)))
    assert causes[0].code == "process.zombies"
    # What ends at once is dead for a moment, and was well before.
    ending = readings(threads=flat(14), processes=[*flat(14)[1:], 1])
    _, causes = diagnose(case(exit_code=137, recorded=recorded(ending, processes=dead)))
    assert causes[0].code == "exit.killed"
    # A server that starts its threads while its health checks come and go.
    threads = readings(threads=[1, 1, *flat(16, 10)], processes=flat(1))
    _, causes = diagnose(case(exit_code=137, recorded=recorded(threads, processes=dead)))
    assert causes[0].code == "exit.killed"
    grown = replace(recorded(filled, processes=dead), living_threads=33)
    _, causes = diagnose(case(exit_code=137, recorded=grown))
    assert causes[0].code == "exit.killed"
    # Threads grow the same way, and nobody dies.
    _, causes = diagnose(case(log_tail=log, recorded=recorded(filled)))
    assert causes[0].code == "process.pid-limit"


def test_open_files_near_the_limit() -> None:
    limit = {"HostConfig": {"Ulimits": [{"Name": "nofile", "Soft": 64, "Hard": 64}]}}
    full, half = readings(open_files=flat(62)), readings(open_files=flat(30))
    assert sick("", inspection=limit, recorded=recorded(full)) == "process.fd-leak"
    assert sick("", inspection=limit, recorded=recorded(half)) == "health.unhealthy"


def test_a_disk_that_is_waited_for() -> None:
    slow = readings(io_pressure_full_us=counter(700_000))
    assert sick(TIMEOUT, -1, recorded=recorded(slow)) == "io.stall"


def test_a_machine_without_memory() -> None:
    node = readings(
        memory_total_bytes=flat(1000 * MIB),
        memory_available_bytes=flat(9 * MIB),
        swap_total_bytes=flat(0),
        swap_used_bytes=flat(0),
    )
    assert sick("", recorded=recorded(node=node)) == "node.memory"


STARTING = ("recovering shard 3/14", "recovering shard 4/14")


def start(log: tuple[str, ...], age_s: float = 20, **more: object) -> str:
    begun = NOW - timedelta(seconds=age_s)
    return sick("", log_tail=log, started_at=begun, **more)


def test_what_still_starts() -> None:
    assert start(STARTING) == "health.slow-start"
    assert start((*STARTING, "listening on 0.0.0.0:80")) == "health.unhealthy"
    assert start((*STARTING, '1.2.3.4 "GET / HTTP/1.1" 200')) == "health.unhealthy"
    assert start(STARTING, age_s=900) == "health.unhealthy"
    assert start(("2026/11/25 hello",)) == "health.unhealthy"
    assert start((*STARTING, "ERROR shard 5 is lost")) == "health.unhealthy"
    well = "11:59:00.000 container shop-api-1 health_status health=healthy"
    assert start(STARTING, events=(well,)) == "health.unhealthy"


CHECK = {"Config": {"Healthcheck": {"Test": ["CMD-SHELL", "wget -q http://api/ || exit 1"]}}}


def test_a_check_whose_own_program_fails() -> None:
    assert sick("/bin/sh: wget: not found", inspection=CHECK) == "health.bad-command"
    assert sick("wget: unrecognized option '--spyder'", inspection=CHECK) == "health.bad-command"
    assert sick("/bin/sh: convert: not found", inspection=CHECK) != "health.bad-command"


def test_an_engine_that_does_not_answer() -> None:
    absent = tuple(f"{what}: the engine did not answer within 2 s" for what in ("log", "events"))
    _, causes = diagnose(case(exit_code=None, trigger="unhealthy", absent=absent))
    assert causes[0].code == "engine.hung"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("write /var/lib/docker/x: no space left on device", "storage.engine-root-full"),
        (
            "failed to mount local volume: mount /srv/v/g1:/var/lib/docker/volumes/v/_data, "
            "flags: 0x1000: no such file or directory",
            "storage.volume-lost",
        ),
        ("error creating overlay mount to /var/lib/docker/overlay2/x", "engine.corrupt-layer"),
        (
            "could not find an available, non-overlapping IPv4 address pool among the defaults "
            "to assign to the network",
            "network.pool-exhausted",
        ),
    ],
)
def test_the_engines_own_troubles(words: str, code: str) -> None:
    assert refused(words) == code


def test_the_last_words_of_an_exit_with_0() -> None:
    words = "FATAL could not read /etc/relay/relay.toml: No such file or directory"
    assert diagnose(case(exit_code=0, log_tail=("up", words)))[1][0].code == "config.file-missing"
    after = diagnose(case(exit_code=0, log_tail=("up", words, "served 100 requests")))[1][0]
    assert after.code == "exit.finished"
