"""What runs inside a container of the memory engine: scripted programs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tabib.model.container import ExecResult

if TYPE_CHECKING:
    from tabib.engines.memory.records import ContainerRecord

ExecHandler = Callable[["ContainerRecord", Sequence[str], str], ExecResult | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How one container's main process behaves, once started. Durations in seconds.

    ``log`` entries are ``text``, ``(after_s, text)`` or ``(after_s, stream, text)``.
    """

    exit_code: int = 0
    after_s: float | None = None
    """When it exits by itself; None: it runs until it is told to end."""
    ignores_sigterm: bool = False
    term_exit_code: int = 0
    """Its exit code on SIGTERM (or the stop signal)."""
    term_after_s: float = 0.05
    log: Sequence[str | tuple[float, str] | tuple[float, str, str]] = ()
    healthy_after_s: float | None = 0.0
    """From when its health check passes; None: never."""
    unhealthy_after_s: float | None = None
    """From when its health check fails again."""
    hangs: bool = False
    """Its health check never answers within its timeout."""
    start_error: str = ""
    """The engine cannot start it at all: ``State.Error``; ``exit_code`` is 126, 127 or 128."""
    oom_after_s: float | None = None
    """When its memory limit is hit; it dies with 137 unless ``oom_child``."""
    oom_child: bool = False
    """A child, not PID 1, is killed: the ``oom`` event alone."""
    exec: ExecHandler | None = None
    """Answers ``exec`` and health checks; None from it: the built-in small shell."""


FOREVER = Program()


@dataclass(slots=True)
class _Rule:
    image: str
    service: str
    command: tuple[str, ...] | None
    label: tuple[str, str] | None
    name: str
    programs: tuple[Program, ...]

    def fits(self, record: ContainerRecord) -> bool:
        if self.image and self.image != record.image:
            return False
        if self.service and self.service != record.service:
            return False
        if self.name and self.name != record.name:
            return False
        if self.command is not None and self.command != record.command:
            return False
        return self.label is None or record.labels.get(self.label[0]) == self.label[1]


@dataclass(slots=True)
class ProgramRegistry:
    """Which program a container runs; the last rule that fits wins."""

    rules: list[_Rule] = field(default_factory=list)
    starts: dict[str, int] = field(default_factory=dict)

    def set(
        self,
        *programs: Program,
        image: str = "",
        service: str = "",
        command: Sequence[str] | None = None,
        label: tuple[str, str] | None = None,
        name: str = "",
    ) -> None:
        """Containers that fit run ``programs``: the first at their first start, and so on;
        the last one from then on. Starts are counted by container name, over recreations."""
        wanted = None if command is None else tuple(command)
        self.rules.append(_Rule(image, service, wanted, label, name, programs))

    def pick(self, record: ContainerRecord) -> Program:
        """The program of the start that is being made (counts it)."""
        for rule in reversed(self.rules):
            if rule.fits(record):
                turn = self.starts.get(record.name, 0)
                self.starts[record.name] = turn + 1
                return rule.programs[min(turn, len(rule.programs) - 1)]
        return FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long the engine takes for its calls, in seconds; each is jittered by ±``spread``."""

    by_verb: Mapping[str, float] = field(
        default_factory=lambda: {
            "create_container": 0.010,
            "start_container": 0.210,
            "remove_container": 0.012,
            "create_network": 0.030,
            "remove_network": 0.150,
            "create_volume": 0.004,
            "pull_image": 1.0,
        }
    )
    other_s: float = 0.005
    read_s: float = 0.002
    kill_s: float = 0.022
    """From SIGKILL to ``die``."""
    teardown_s: float = 0.045
    """From ``die`` until networks and volumes are let go."""
    spread: float = 0.2

    def of(self, verb: str, rng: random.Random) -> float:
        base = self.read_s if verb == "read" else self.by_verb.get(verb, self.other_s)
        return base * (1 + self.spread * (2 * rng.random() - 1))


INSTANT = Latency(by_verb={}, other_s=0.0, read_s=0.0, kill_s=0.0, teardown_s=0.0, spread=0.0)
