"""Limits, reservations and devices (the ``Resources`` part of the host configuration)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tabib.engines.docker.translate.units import duration_ns, integer, nanos, part, present

_BLKIO_RATES = {
    "device_read_bps": "BlkioDeviceReadBps",
    "device_write_bps": "BlkioDeviceWriteBps",
    "device_read_iops": "BlkioDeviceReadIOps",
    "device_write_iops": "BlkioDeviceWriteIOps",
}


def resource_fields(service: Mapping[str, Any]) -> dict[str, Any]:
    """Every limit; ``deploy.resources`` wins over the flat keys, as in Compose."""
    limits = part(service, "deploy", "resources", "limits")
    reserved = part(service, "deploy", "resources", "reservations")
    fields = {
        "CgroupParent": service.get("cgroup_parent"),
        "Memory": integer(limits.get("memory")) or integer(service.get("mem_limit")),
        "MemoryReservation": integer(reserved.get("memory"))
        or integer(service.get("mem_reservation")),
        "MemorySwap": integer(service.get("memswap_limit")),
        "MemorySwappiness": integer(service.get("mem_swappiness")),
        "NanoCpus": nanos(limits.get("cpus")) or nanos(service.get("cpus")),
        "PidsLimit": integer(limits.get("pids")) or integer(service.get("pids_limit")),
        "OomKillDisable": bool(service.get("oom_kill_disable")),
        "CpuShares": integer(service.get("cpu_shares")),
        "CpuPeriod": integer(service.get("cpu_period")),
        "CpuQuota": integer(service.get("cpu_quota")),
        "CpuRealtimePeriod": _microseconds(service.get("cpu_rt_period")),
        "CpuRealtimeRuntime": _microseconds(service.get("cpu_rt_runtime")),
        "CpuCount": integer(service.get("cpu_count")),
        "CpuPercent": round(float(service.get("cpu_percent") or 0) * 100),
        "CpusetCpus": service.get("cpuset"),
        "DeviceCgroupRules": list(service.get("device_cgroup_rules") or ()),
        "Devices": [_device(entry) for entry in _plain_devices(service)],
        "DeviceRequests": list(_device_requests(service, reserved)),
        "Ulimits": [_ulimit(name, value) for name, value in part(service, "ulimits").items()],
        **_blkio(part(service, "blkio_config")),
    }
    return present(fields)


def _plain_devices(service: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (entry for entry in service.get("devices") or () if not _is_cdi(entry))


def _is_cdi(entry: Mapping[str, Any]) -> bool:
    """``vendor.com/class=name``: a Container Device Interface name instead of a path."""
    source = str(entry.get("source") or "")
    return source == entry.get("target") and not source.startswith("/") and "=" in source


def _device(entry: Mapping[str, Any]) -> dict[str, str]:
    source = str(entry["source"])
    return {
        "PathOnHost": source,
        "PathInContainer": str(entry.get("target") or source),
        "CgroupPermissions": str(entry.get("permissions") or "rwm"),
    }


def _device_requests(
    service: Mapping[str, Any], reserved: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    for entry in reserved.get("devices") or ():
        yield _request(entry, list(entry.get("capabilities") or ()))
    names = [str(entry["source"]) for entry in service.get("devices") or () if _is_cdi(entry)]
    if names:
        yield {"Driver": "cdi", "DeviceIDs": names}
    for entry in service.get("gpus") or ():
        yield _request(entry, [*(entry.get("capabilities") or ()), "gpu"])


def _request(entry: Mapping[str, Any], capabilities: list[str]) -> dict[str, Any]:
    return present(
        {
            "Driver": entry.get("driver"),
            "Count": _count(entry.get("count")),
            "DeviceIDs": list(entry.get("device_ids") or ()),
            "Capabilities": [capabilities],
            "Options": dict(entry.get("options") or {}),
        }
    )


def _count(value: object) -> int:
    return -1 if value == "all" else integer(value)


def _ulimit(name: str, value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        if "single" in value:
            value = value["single"]
        else:
            soft, hard = integer(value.get("soft")), integer(value.get("hard"))
            return {"Name": name, "Soft": soft, "Hard": hard}
    return {"Name": name, "Soft": integer(value), "Hard": integer(value)}


def _blkio(config: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "BlkioWeight": integer(config.get("weight")),
        "BlkioWeightDevice": [
            {"Path": _either(entry, "path"), "Weight": integer(_either(entry, "weight"))}
            for entry in config.get("weight_device") or ()
        ],
    }
    for key, name in _BLKIO_RATES.items():
        fields[name] = [
            {"Path": _either(entry, "path"), "Rate": integer(_either(entry, "rate"))}
            for entry in config.get(key) or ()
        ]
    return fields


def _either(entry: Mapping[str, Any], key: str) -> Any:
    """Compose prints these keys with a capital, and reads them without."""
    return entry.get(key.capitalize(), entry.get(key))


def _microseconds(value: object) -> int:
    """Real-time scheduling: a plain number is microseconds; a duration is converted."""
    text = str(value or "0")
    return int(text) if text.isdigit() else duration_ns(text) // 1_000
