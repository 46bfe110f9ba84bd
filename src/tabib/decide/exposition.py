"""Figures as Prometheus knows them: the names and labels of cAdvisor where it has them.

Sources: cAdvisor, docs/storage/prometheus.md; OpenMetrics 1.0 (counters end with ``_total``, base
units). What cAdvisor has no name for begins with ``tabib_``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tabib.model.metrics import HEALTHS, METRICS, index
from tabib.model.sample import Subject, Values

COUNTER = "counter"
GAUGE = "gauge"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sample:
    """``labels``: values in the order of the family's names."""

    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """``name`` without ``_total``."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...]
    samples: list[Sample]

    @property
    def full_name(self) -> str:
        """As its samples are called."""
        return f"{self.name}_total" if self.kind == COUNTER else self.name


@dataclass(frozen=True, slots=True)
class Read:
    """The newest reading of a subject."""

    subject: Subject
    at: datetime
    values: Values


@dataclass(frozen=True, slots=True)
class _Exposed:
    """A metric of ours under the name of others. ``extra``: one more label and its value."""

    metric: str
    name: str
    extra: tuple[str, str] | None = None


_CONTAINER = (
    _Exposed("cpu_us", "container_cpu_usage_seconds", ("cpu", "total")),
    _Exposed("cpu_user_us", "container_cpu_user_seconds"),
    _Exposed("cpu_system_us", "container_cpu_system_seconds"),
    _Exposed("cpu_throttled_us", "container_cpu_cfs_throttled_seconds"),
    _Exposed("cpu_periods", "container_cpu_cfs_periods"),
    _Exposed("cpu_throttled_periods", "container_cpu_cfs_throttled_periods"),
    _Exposed("memory_bytes", "container_memory_usage_bytes"),
    _Exposed("memory_working_set_bytes", "container_memory_working_set_bytes"),
    _Exposed("memory_rss_bytes", "container_memory_rss"),
    _Exposed("memory_cache_bytes", "container_memory_cache"),
    _Exposed("memory_swap_bytes", "container_memory_swap"),
    _Exposed("memory_failures", "container_memory_failcnt"),
    _Exposed("oom_kills", "container_oom_events"),
    _Exposed("block_read_bytes", "container_fs_reads_bytes"),
    _Exposed("block_written_bytes", "container_fs_writes_bytes"),
    _Exposed("block_reads", "container_fs_reads"),
    _Exposed("block_writes", "container_fs_writes"),
    _Exposed("writable_layer_bytes", "container_fs_usage_bytes"),
    _Exposed("processes", "container_processes"),
    _Exposed("threads", "container_threads"),
    _Exposed("open_files", "container_file_descriptors"),
    _Exposed("cpu_pressure_us", "container_pressure_cpu_waiting_seconds"),
    _Exposed("memory_pressure_us", "container_pressure_memory_waiting_seconds"),
    _Exposed("memory_pressure_full_us", "container_pressure_memory_stalled_seconds"),
    _Exposed("io_pressure_us", "container_pressure_io_waiting_seconds"),
    _Exposed("io_pressure_full_us", "container_pressure_io_stalled_seconds"),
    _Exposed("restarts", "tabib_container_restarts"),
    _Exposed("log_bytes", "tabib_container_log_bytes"),
)
_INTERFACE = (
    _Exposed("network_received_bytes", "container_network_receive_bytes"),
    _Exposed("network_received_packets", "container_network_receive_packets"),
    _Exposed("network_receive_errors", "container_network_receive_errors"),
    _Exposed("network_receive_drops", "container_network_receive_packets_dropped"),
    _Exposed("network_sent_bytes", "container_network_transmit_bytes"),
    _Exposed("network_sent_packets", "container_network_transmit_packets"),
    _Exposed("network_send_errors", "container_network_transmit_errors"),
    _Exposed("network_send_drops", "container_network_transmit_packets_dropped"),
)
_NODE = (
    _Exposed("cpus", "machine_cpu_cores"),
    _Exposed("memory_total_bytes", "machine_memory_bytes"),
    _Exposed("swap_total_bytes", "machine_swap_bytes"),
    _Exposed("cpu_us", "tabib_node_cpu_usage_seconds"),
    _Exposed("cpu_iowait_us", "tabib_node_cpu_iowait_seconds"),
    _Exposed("cpu_stolen_us", "tabib_node_cpu_stolen_seconds"),
    _Exposed("memory_available_bytes", "tabib_node_memory_available_bytes"),
    _Exposed("swap_used_bytes", "tabib_node_swap_used_bytes"),
    _Exposed("load_1m_hundredths", "tabib_node_load1"),
    _Exposed("load_5m_hundredths", "tabib_node_load5"),
    _Exposed("load_15m_hundredths", "tabib_node_load15"),
    _Exposed("oom_kills", "tabib_node_oom_kills"),
    _Exposed("network_received_bytes", "tabib_node_network_receive_bytes"),
    _Exposed("network_sent_bytes", "tabib_node_network_transmit_bytes"),
    _Exposed("block_read_bytes", "tabib_node_disk_read_bytes"),
    _Exposed("block_written_bytes", "tabib_node_disk_written_bytes"),
    _Exposed("processes", "tabib_node_processes"),
    _Exposed("open_files", "tabib_node_file_descriptors"),
    _Exposed("cpu_pressure_us", "tabib_node_pressure_cpu_waiting_seconds"),
    _Exposed("memory_pressure_us", "tabib_node_pressure_memory_waiting_seconds"),
    _Exposed("io_pressure_us", "tabib_node_pressure_io_waiting_seconds"),
)
_DISK = tuple(_Exposed(one.name, f"tabib_disk_{one.name}") for one in METRICS["disk"])
_VOLUME = (_Exposed("size_bytes", "tabib_volume_size_bytes"),)
_TABLE = {"container": _CONTAINER, "interface": _INTERFACE, "node": _NODE, "disk": _DISK,
          "volume": _VOLUME}  # fmt: skip
CONTAINER_LABELS = (
    "id",
    "name",
    "image",
    "container_label_com_docker_compose_project",
    "container_label_com_docker_compose_service",
)
_OWN_LABELS = {"container": (), "interface": ("interface",), "node": (), "disk": ("mountpoint",),
               "volume": ("volume",)}  # fmt: skip


def families(reads: Mapping[str, Sequence[Read]]) -> list[Family]:
    """All that is to be exposed of the newest readings, by kind of subject."""
    containers = {one.subject.id: one.subject for one in reads.get("container", ())}
    found: list[Family] = []
    for kind, exposed in _TABLE.items():
        rows = [(one, _labels(one.subject, containers)) for one in reads.get(kind, ())]
        names = (CONTAINER_LABELS if kind in ("container", "interface") else ()) + _OWN_LABELS[kind]
        found += [_family(kind, each, names, rows) for each in exposed]
    found += _of_containers(reads.get("container", ()))
    return [family for family in found if family.samples]


def _labels(subject: Subject, containers: Mapping[str, Subject]) -> tuple[str, ...]:
    if subject.kind == "container":
        return _of(subject)
    if subject.kind == "interface":
        owner = containers.get(subject.parent, subject)
        return (*_of(owner), subject.id.rpartition("/")[2])
    return () if subject.kind == "node" else (subject.id,)


def _of(subject: Subject) -> tuple[str, ...]:
    """The id is the path that cAdvisor shows."""
    return (f"/docker/{subject.id}", subject.name, subject.image, subject.project, subject.service)


def _family(
    kind: str,
    exposed: _Exposed,
    names: tuple[str, ...],
    rows: Sequence[tuple[Read, tuple[str, ...]]],
) -> Family:
    place = index(kind, exposed.metric)
    metric = METRICS[kind][place]
    extra = exposed.extra
    divisor = 1e6 if metric.unit == "us" else 100 if exposed.metric.endswith("_hundredths") else 1
    samples = []
    for read, labels in rows:
        value = read.values[place] if place < len(read.values) else None
        if value is not None:
            samples.append(Sample((*labels, extra[1]) if extra else labels, value / divisor))
    # cAdvisor's one counter that OpenMetrics would rename.
    kind_ = UNKNOWN if exposed.name == "container_memory_failcnt" else metric.kind
    full = (*names, extra[0]) if extra else names
    return Family(exposed.name, kind_, metric.help, full, samples)


def _of_containers(reads: Iterable[Read]) -> list[Family]:
    seen = Family("container_last_seen", GAUGE, "when it was read last", CONTAINER_LABELS, [])
    limit = Family("container_spec_memory_limit_bytes", GAUGE, "memory limit; 0: none",
                   CONTAINER_LABELS, [])  # fmt: skip
    health = Family("tabib_container_health", GAUGE, "1: its health check says so",
                    (*CONTAINER_LABELS, "health"), [])  # fmt: skip
    at_limit = index("container", "memory_limit_bytes")
    at_health = index("container", "health")
    for read in reads:
        labels = _of(read.subject)
        seen.samples.append(Sample(labels, int(read.at.timestamp())))
        limit.samples.append(Sample(labels, read.values[at_limit] or 0))
        code = read.values[at_health]
        if code:
            for number, word in enumerate(HEALTHS[1:], start=1):
                health.samples.append(Sample((*labels, word), int(code == number)))
    return [seen, limit, health]


def one(name: str, kind: str, text: str, value: float, **labels: str) -> Family:
    """A family of a single sample."""
    return Family(name, kind, text, tuple(labels), [Sample(tuple(labels.values()), value)])
