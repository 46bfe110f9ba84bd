"""Which figures the flight recorder keeps: one table a kind of subject, in whole base units.

Every value is an integer: microseconds of CPU, bytes, counts. A ``counter`` only grows (but for
resets), a ``gauge`` goes up and down. The order is the order of the values of a sample; stores keep
names beside what they wrote, so that columns may be added anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTER = "counter"
GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. ``unit``: ``us`` (microseconds), ``bytes``, or ``""`` (a count or a code)."""

    name: str
    kind: str
    unit: str
    help: str


def _counters(unit: str, **metrics: str) -> tuple[Metric, ...]:
    return tuple(Metric(name, COUNTER, unit, text) for name, text in metrics.items())


def _gauges(unit: str, **metrics: str) -> tuple[Metric, ...]:
    return tuple(Metric(name, GAUGE, unit, text) for name, text in metrics.items())


_NETWORK = (
    *_counters("bytes", network_received_bytes="received", network_sent_bytes="sent"),
    *_counters(
        "",
        network_received_packets="packets received",
        network_sent_packets="packets sent",
        network_receive_errors="packets that could not be received",
        network_send_errors="packets that could not be sent",
        network_receive_drops="received packets that were dropped",
        network_send_drops="packets to send that were dropped",
    ),
)
_PRESSURE = _counters(
    "us",
    cpu_pressure_us="time in which some task waited for a CPU",
    memory_pressure_us="time in which some task waited for memory",
    memory_pressure_full_us="time in which every task waited for memory",
    io_pressure_us="time in which some task waited for a disk",
    io_pressure_full_us="time in which every task waited for a disk",
)

CONTAINER = (
    *_counters(
        "us",
        cpu_us="CPU time used",
        cpu_user_us="of it in user mode",
        cpu_system_us="of it in the kernel",
        cpu_throttled_us="time in which the CPU limit held it up",
    ),
    *_counters(
        "",
        cpu_periods="periods in which the CPU limit applied",
        cpu_throttled_periods="periods in which the limit was reached",
    ),
    *_gauges(
        "bytes",
        memory_bytes="memory used, the page cache included",
        memory_working_set_bytes="memory used, without inactive page cache",
        memory_rss_bytes="anonymous memory",
        memory_cache_bytes="page cache",
        memory_swap_bytes="memory in swap",
        memory_limit_bytes="memory limit; absent where there is none",
    ),
    *_counters(
        "",
        memory_failures="how often the memory limit was reached",
        oom_kills="processes that the out-of-memory killer ended",
    ),
    *_counters("bytes", block_read_bytes="read from disks", block_written_bytes="written to disks"),
    *_counters("", block_reads="reads from disks", block_writes="writes to disks"),
    *_NETWORK,
    *_gauges(
        "",
        processes="processes",
        threads="threads",
        open_files="open descriptors, of all its processes",
    ),
    *_PRESSURE,
    *_gauges(
        "",
        state="code of the state, see STATES",
        health="code of the health, see HEALTHS",
        restarts="restarts by the engine",
    ),
    *_gauges("bytes", writable_layer_bytes="size of the writable layer"),
    *_counters("bytes", log_bytes="output written to the log"),
)
INTERFACE = _NETWORK
NODE = (
    *_counters(
        "us",
        cpu_us="CPU time used, of all CPUs",
        cpu_user_us="of it in user mode",
        cpu_system_us="of it in the kernel, interrupts included",
        cpu_iowait_us="time idle while a disk was waited for",
        cpu_stolen_us="time that the hypervisor gave to others",
    ),
    *_gauges("", cpus="CPUs", load_1m_hundredths="load of the last minute, times 100",
             load_5m_hundredths="of five minutes", load_15m_hundredths="of fifteen minutes"),
    *_gauges(
        "bytes",
        memory_total_bytes="memory",
        memory_available_bytes="memory that programs can get without swapping",
        memory_cache_bytes="page cache",
        swap_total_bytes="swap",
        swap_used_bytes="swap in use",
    ),
    *_counters("", oom_kills="processes that the out-of-memory killer ended"),
    *_NETWORK,
    *_counters("bytes", block_read_bytes="read from disks", block_written_bytes="written to disks"),
    *_gauges("", processes="processes and threads", open_files="open descriptors"),
    *_PRESSURE,
)  # fmt: skip
DISK = (
    *_gauges("bytes", size_bytes="size of the file system", free_bytes="free for programs"),
    *_gauges("", inodes="inodes", inodes_free="free inodes"),
)
VOLUME = _gauges("bytes", size_bytes="what the files take on the disk")

METRICS: dict[str, tuple[Metric, ...]] = {
    "container": CONTAINER,
    "interface": INTERFACE,
    "node": NODE,
    "disk": DISK,
    "volume": VOLUME,
}
"""Kind of subject → its metrics, in the order of a sample's values."""

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
HEALTHS = ("", "starting", "healthy", "unhealthy")


def index(kind: str, name: str) -> int:
    """Where the metric stands among a sample's values.

    :raises ValueError: the kind has no such metric.
    """
    for position, metric in enumerate(METRICS[kind]):
        if metric.name == name:
            return position
    raise ValueError(f"{kind} has no metric {name!r}")
