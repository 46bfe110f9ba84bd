"""``network.*``: ports that two containers want."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from tabib.decide.checkup.rule import Check, found
from tabib.model.checkup import CheckupFinding, Examined, Observation
from tabib.model.container import PortBinding

ANY = ("", "0.0.0.0", "::", "[::]")


def _clash(observation: Observation) -> Iterable[CheckupFinding]:
    """Only one of two can run: the other is down, and will not start."""
    wanting: dict[tuple[str, int], list[tuple[Examined, PortBinding]]] = {}
    for one in observation.containers:
        if one.oneoff:
            continue
        for port in one.ports:
            if port.host_port:
                wanting.setdefault((port.protocol, port.host_port), []).append((one, port))
    for (protocol, number), those in sorted(wanting.items()):
        for (first, port), (second, other) in combinations(those, 2):
            if first.id == second.id or (first.runs and second.runs) or not _overlap(port, other):
                continue
            down, holder = (first, second) if second.runs else (second, first)
            if down.runs or down.halted:
                continue
            yield found(
                down,
                "network.port-clash",
                "warning" if holder.runs else "info",
                f"it wants port {number}/{protocol}, which {holder.name} is published on as well",
                f"{down.name} is {down.status}, {holder.name} is {holder.status}",
            )


def _overlap(one: PortBinding, other: PortBinding) -> bool:
    return one.host_ip == other.host_ip or one.host_ip in ANY or other.host_ip in ANY


RULES: tuple[Check, ...] = (
    Check(
        code="network.port-clash",
        check=_clash,
        explain="Two containers are set up for the same port of the machine: one cannot start.",
        advice="Give one of them another port, or remove the one that is not needed.",
    ),
)
