"""Ports: what is exposed, what is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def exposed_ports(service: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``{"80/tcp": {}}`` of everything in ``expose`` and ``ports``."""
    ports = [port for text in service.get("expose") or () for port in _expanded(str(text))]
    ports += [_port(entry) for entry in service.get("ports") or ()]
    return {port: {} for port in ports}


def port_bindings(service: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Where each published port appears on the host; no ``published``: the engine picks one."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for entry in service.get("ports") or ():
        host = {
            "HostIp": str(entry.get("host_ip") or ""),
            "HostPort": str(entry.get("published") or ""),
        }
        bindings.setdefault(_port(entry), []).append(host)
    return bindings


def _port(entry: Mapping[str, Any]) -> str:
    return f"{entry['target']}/{entry.get('protocol') or 'tcp'}"


def _expanded(text: str) -> Iterator[str]:
    numbers, _, protocol = text.partition("/")
    first, _, last = numbers.partition("-")
    for port in range(int(first), int(last or first) + 1):
        yield f"{port}/{protocol or 'tcp'}"
