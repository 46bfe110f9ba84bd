"""Short forms of ``run -v`` and ``run -p`` as the canonical fields of a service.

Source: the short syntaxes of ``volumes`` and ``ports`` in the Compose Specification.
"""

from __future__ import annotations

import os
import re
from typing import Any

from tabib.model.errors import UsageError

_PORT = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:.]+\]|[0-9.]+):(?=[^/]*:|:?\d))?"
    r"(?:(?P<host>\d+(?:-\d+)?)?:)?"
    r"(?P<inside>\d+(?:-\d+)?)(?:/(?P<protocol>tcp|udp|sctp))?"
)


def mount_of(text: str) -> dict[str, Any]:
    """``[SOURCE:]TARGET[:MODE]`` as a canonical mount.

    :raises UsageError: not of that form.
    """
    parts = text.split(":")
    target = parts[0] if len(parts) == 1 else parts[1]
    if len(parts) > 3 or not target.startswith("/") or (len(parts) > 1 and not parts[0]):
        raise UsageError("wants SOURCE:TARGET[:ro]", attempted="read --volume", target=repr(text))
    mount: dict[str, Any] = {"type": "volume", "target": target}
    if len(parts) > 1:
        source = parts[0]
        if source.startswith(("/", ".", "~")):
            path = os.path.abspath(os.path.expanduser(source))
            mount |= {"type": "bind", "source": path, "bind": {"create_host_path": True}}
        else:
            mount |= {"source": source}
    if len(parts) == 3 and "ro" in parts[2].split(","):
        mount["read_only"] = True
    return mount


def port_of(text: str) -> list[dict[str, Any]]:
    """``[[IP:]HOST:]CONTAINER[/PROTOCOL]``, ranges too, as canonical ports.

    :raises UsageError: not of that form, or ranges of different lengths.
    """
    match = _PORT.fullmatch(text)
    if match is None:
        raise _bad_port(text)
    inside = _range(match["inside"])
    outside = _range(match["host"]) if match["host"] else None
    if outside is not None and len(outside) != len(inside):
        if len(inside) > 1:
            raise _bad_port(text)
        # A range for one port: the engine takes any of it.
        return [_entry(match, inside[0], match["host"])]
    return [
        _entry(match, port, str(outside[number]) if outside is not None else "")
        for number, port in enumerate(inside)
    ]


def _entry(match: re.Match[str], inside: int, outside: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "mode": "ingress",
        "target": inside,
        "protocol": match["protocol"] or "tcp",
    }
    if match["ip"]:
        entry["host_ip"] = match["ip"].strip("[]")
    if outside:
        entry["published"] = outside
    return entry


def _range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    numbers = list(range(int(first), int(last or first) + 1))
    if not numbers or numbers[0] < 1 or numbers[-1] > 65_535:
        raise _bad_port(text)
    return numbers


def _bad_port(text: str) -> UsageError:
    return UsageError(
        "wants [[IP:]HOST:]CONTAINER[/PROTOCOL]", attempted="read --publish", target=repr(text)
    )
