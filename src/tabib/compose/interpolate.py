"""Stage 2, interpolate: variables in every text value, and the types that fields then want."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tabib.compose.gotext import parse_float, parse_int
from tabib.compose.problems import Problems
from tabib.compose.template import MAX_GROWTH, Substitution, TemplateError
from tabib.compose.tree import NOWHERE, Map, Mark, Path, Seq

_WORDS = {"true": True, "y": True, "yes": True, "on": True,
          "false": False, "n": False, "no": False, "off": False}  # fmt: skip


def to_boolean(text: str) -> bool:
    """:raises ValueError: no word for true or false."""
    value = _WORDS.get(text.lower())
    if value is None:
        raise ValueError(f"'{text}' is neither true nor false")
    return value


_INTS = """cpu_count cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares oom_score_adj
    pids_limit scale deploy.replicas deploy.update_config.parallelism
    deploy.rollback_config.parallelism deploy.restart_policy.max_attempts
    deploy.placement.max_replicas_per_node healthcheck.retries ports.*.target ulimits.*
    ulimits.*.hard ulimits.*.soft"""
_FLOATS = """cpu_percent cpus deploy.update_config.max_failure_ratio
    deploy.rollback_config.max_failure_ratio"""
_BOOLEANS = """init healthcheck.disable oom_kill_disable privileged read_only stdin_open tty
    volumes.*.read_only volumes.*.volume.nocopy"""
_TOP = {
    "networks": {"external", "internal", "attachable", "enable_ipv4", "enable_ipv6"},
    "volumes": {"external"},
    "secrets": {"external"},
    "configs": {"external"},
}
Caster = Callable[[str], Any]
_CASTS: dict[str, Caster] = {
    **dict.fromkeys(_INTS.split(), parse_int),
    **dict.fromkeys(_FLOATS.split(), parse_float),
    **dict.fromkeys(_BOOLEANS.split(), to_boolean),
}
_CAST_KEYS = {key.partition(".")[0] for key in _CASTS}
_LONGEST = 3


def _caster(path: Path) -> Caster | None:
    """What a text at ``path`` is turned into once its variables are known."""
    if len(path) == 3 and path[2] in _TOP.get(str(path[0]), ()):
        return to_boolean
    if len(path) < 3 or path[0] != "services" or len(path) > 2 + _LONGEST:
        return None
    if path[2] not in _CAST_KEYS:
        return None
    inner = [str(part) if isinstance(part, str) else "*" for part in path[2:]]
    found = _CASTS.get(".".join(inner))
    if found is None and len(inner) > 1 and inner[0] == "ulimits":
        found = _CASTS.get(".".join([inner[0], "*", *inner[2:]]))
    return found


class Interpolation:
    """Interpolates the trees of one environment."""

    def __init__(self, environment: Mapping[str, str], problems: Problems) -> None:
        self.environment = environment
        self.problems = problems
        self.left = MAX_GROWTH

    def tree(self, value: Any, path: Path = (), mark: Mark = NOWHERE) -> Any:
        """A copy of ``value`` with every variable filled in and every cast made."""
        if isinstance(value, str):
            return self.text(value, path, mark)
        if isinstance(value, Map):
            known = value.marks
            return Map(
                ((k, self.tree(v, (*path, k), known.get(k, mark))) for k, v in value.items()),
                dict(known),
            )
        if isinstance(value, Seq):
            items = (self.tree(v, (*path, i), value.mark_of(i)) for i, v in enumerate(value))
            return Seq(items, list(value.marks))
        return value

    def text(self, text: str, path: Path, mark: Mark) -> Any:
        cast = _caster(path)
        if cast is None and "$" not in text:
            return text
        substitution = Substitution(self.environment.get, [], self.left)
        try:
            value = substitution.apply(text)
            self.left = substitution.left
            result: Any = cast(value) if cast else value
        except TemplateError as error:
            self.problems.add(str(error), mark=mark, path=path)
            return text
        except ValueError as error:
            self.problems.add(str(error), mark=mark, path=path)
            return text
        for name in substitution.unset:
            self.problems.warn(
                f'the variable "{name}" is not set; it is taken as an empty text', mark, once=True
            )
        return result
