"""Settings of the whole host: what ``tabib.toml`` may say (annotated in ``docs/tabib.toml``)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """The flight recorder. Times in seconds or days, sizes in bytes."""

    enabled: bool = True
    interval_s: float = 5.0
    """Between two readings, while nothing special happens."""
    processes: bool = True
    """Whether a record of every process is kept."""
    raw_days: float = 2.0
    minute_days: float = 14.0
    quarter_days: float = 365.0
    process_days: float = 14.0
    event_days: float = 90.0
    log_days: float = 14.0
    log_bytes_per_container: int = 4 * 1024 * 1024
    log_bytes: int = 512 * 1024 * 1024
    max_bytes: int = 4 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where figures go beside the store. ``remote_write``: a Prometheus remote-write URL."""

    remote_write: str = ""
    remote_write_interval_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    recorder: RecorderSettings = field(default_factory=RecorderSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
