"""The short form of ports: ``[[IP:]HOST:]CONTAINER[/PROTOCOL]``, with ranges.

Source: docker/go-connections' ``nat`` package, which Compose parses them with.
"""

from __future__ import annotations

import re
from typing import Any

_PORT = re.compile(r"[0-9]{1,5}")


def valid_ip(text: str) -> bool:
    """``net.ParseIP`` would take it: an IPv4 or IPv6 address without a zone."""
    import ipaddress  # few files name an address

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _range(text: str, what: str) -> tuple[int, int]:
    parts = (text.split("-") if "-" in text else [text, text])[:2]
    if not all(_PORT.fullmatch(part) and int(part) < 65536 for part in parts):
        raise ValueError(f"'{text}' is not a {what} port or range of ports")
    start, end = int(parts[0]), int(parts[1])
    if end < start:
        raise ValueError(f"the range '{text}' ends before it starts")
    return start, end


def _address(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    elif ":" in text:
        raise ValueError(f"an IPv6 address stands in brackets: [{text}]")
    if text and not valid_ip(text):
        raise ValueError(f"'{text}' is not an IP address")
    return text


def parse_port(text: str) -> list[dict[str, Any]]:
    """The ports that one short form stands for, in the long form.

    :raises ValueError: the text is no port.
    """
    *front, last = text.split(":")
    host = front.pop() if front else ""
    address = _address(":".join(front))
    container, _, protocol = last.partition("/")
    protocol = (protocol.partition("/")[0] or "tcp").lower()
    if not container or not container.strip("0"):
        raise ValueError(f"'{text}' names no container port")
    start, end = _range(container, "container")
    host_start, host_end = _range(host, "host") if host else (0, 0)
    if host and end - start != host_end - host_start and end != start:
        raise ValueError(f"the ranges '{container}' and '{host}' differ in length")
    if protocol not in ("tcp", "udp", "sctp"):
        raise ValueError(f"the protocol '{protocol}' is none of tcp, udp and sctp")
    found = []
    for offset in range(end - start + 1):
        port: dict[str, Any] = {"mode": "ingress"}
        if address:
            port["host_ip"] = address
        port["target"] = start + offset
        if host:
            several = start == end and host_start != host_end
            port["published"] = f"{host_start}-{host_end}" if several else str(host_start + offset)
        port["protocol"] = protocol
        found.append(port)
    # Compose sorts the ports of one entry as texts: 9999 comes after 10000
    return sorted(found, key=lambda p: f"{p['target']}/{p['protocol']}")
