"""Stage 3, merge: a later file over an earlier one, a service over the one it extends.

Mappings merge key by key, sequences are appended, the rest is replaced; the exceptions stand in
``_SPECIALS``. Source: the Compose Specification's merge rules as compose-go implements them.
Merging works on the first argument in place and may share parts of the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tabib.compose.gotext import sprint
from tabib.compose.problems import Problems
from tabib.compose.tree import NOWHERE, Map, Mark, Path, Seq, mark_at, matches

Merger = Callable[["Merge", Any, Any, Path], Any]


def as_sequence(value: Any) -> Seq:
    """``{A: 1}`` → ``["A=1"]``; a text becomes a list of one."""
    if isinstance(value, Seq):
        return value
    if isinstance(value, str):
        return Seq([value])
    entries: list[tuple[str, Mark]] = []
    if isinstance(value, Map):
        for key, inner in value.items():
            mark = value.marks.get(key, NOWHERE)
            if inner is None:
                entries.append((key, mark))
            else:
                each = inner if isinstance(inner, list) else [inner]
                entries += [(f"{key}={sprint(item)}", mark) for item in each]
    entries.sort(key=lambda entry: entry[0])
    return Seq((text for text, _ in entries), [mark for _, mark in entries])


def as_mapping(value: Any, default: dict[str, Any] | None) -> Map:
    """``[a]`` → ``{a: default}``."""
    if isinstance(value, Map):
        return value
    result = Map()
    if isinstance(value, Seq):
        for index, key in enumerate(value):
            inner = None if default is None else Map(default)
            result.place(str(key), inner, value.mark_of(index))
    return result


def _append(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    left, right = as_sequence(base), as_sequence(over)
    return _joined(left, right)


def _joined(left: Seq, right: Seq) -> Seq:
    marks = [left.mark_of(i) for i in range(len(left))]
    marks += [right.mark_of(i) for i in range(len(right))]
    return Seq([*left, *right], marks)


def _hosts(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    left, right = as_sequence(base), as_sequence(over)
    fresh = [(v, right.mark_of(i)) for i, v in enumerate(right) if v not in left]
    return _joined(left, Seq((v for v, _ in fresh), [m for _, m in fresh]))


def _replace(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    return over


def _logging(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    if not isinstance(base, Map) or not isinstance(over, Map):
        return over if over is not None else base
    one, other = base.get("driver"), over.get("driver")
    same = one == other or "driver" not in base or "driver" not in over
    return merge.mappings(base, over, path) if same else over


def _build(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    def mapping(value: Any) -> Map:
        if isinstance(value, str):
            return Map({"context": value})
        return value if isinstance(value, Map) else Map()

    return merge.mappings(mapping(base), mapping(over), path)


def _depends_on(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    default = {"condition": "service_started", "required": True}
    return merge.mappings(as_mapping(base, default), as_mapping(over, default), path)


def _keyed(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    return merge.mappings(as_mapping(base, None), as_mapping(over, None), path)


def _ipam(merge: Merge, base: Any, over: Any, path: Path) -> Any:
    if not isinstance(base, Seq) or not isinstance(over, Seq):
        return over
    result = Seq()
    for original in base:
        for override in over:
            one, other = as_mapping(original, None), as_mapping(override, None)
            fresh = all(pool.get("subnet") != other.get("subnet") for pool in result)
            if one.get("subnet") != other.get("subnet") and fresh:
                result.append(other)
                continue
            merged = merge.mappings(one, other, path)
            known = [i for i, p in enumerate(result) if p.get("subnet") == merged.get("subnet")]
            if known:
                result[known[0]] = merged
            else:
                result.append(merged)
    return result


_TO_SEQUENCE = """networks.*.labels volumes.*.labels services.*.annotations services.*.build.args
    services.*.build.additional_contexts services.*.build.labels services.*.deploy.labels
    services.*.dns services.*.dns_opt services.*.dns_search services.*.env_file
    services.*.label_file services.*.environment services.*.labels services.*.sysctls
    services.*.tmpfs"""
_SPECIALS: dict[str, Merger] = {
    **dict.fromkeys(_TO_SEQUENCE.split(), _append),
    "networks.*.ipam.config": _ipam,
    "services.*.build": _build,
    "services.*.build.extra_hosts": _hosts,
    "services.*.extra_hosts": _hosts,
    "services.*.command": _replace,
    "services.*.entrypoint": _replace,
    "services.*.healthcheck.test": _replace,
    "services.*.ulimits.*": _replace,
    "services.*.depends_on": _depends_on,
    "services.*.logging": _logging,
    "services.*.models": _keyed,
    "services.*.networks": _keyed,
}
_PATTERNS = [(tuple(pattern.split(".")), merger) for pattern, merger in _SPECIALS.items()]


def _special(path: Path) -> Merger | None:
    if not 3 <= len(path) <= 4:
        return None
    return next((merger for pattern, merger in _PATTERNS if matches(path, pattern)), None)


class Merge:
    """Merges, and notes what cannot be merged."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def values(self, base: Any, over: Any, path: Path) -> Any:
        """``over`` over ``base``; nothing written (null) leaves ``base`` as it is."""
        special = _special(path)
        if special:
            return special(self, base, over, path)
        if over is None:
            return base
        if isinstance(base, Map) and isinstance(over, Map):
            return self.mappings(base, over, path)
        if isinstance(base, Seq) and isinstance(over, Seq):
            return _joined(base, over)
        if isinstance(base, Map | Seq):
            kind = "a mapping" if isinstance(base, Map) else "a list"
            self.problems.add(
                f"{kind} cannot be overridden by something else",
                mark=mark_at(over, ()) if isinstance(over, Map | Seq) else self.where,
                path=path,
            )
            return base
        return over

    where: Mark = NOWHERE

    def mappings(self, base: Map, over: Map, path: Path) -> Map:
        """Key by key."""
        for key, value in over.items():
            mark = over.marks.get(key)
            if key not in base:
                base.place(key, value, mark)
            else:
                self.where = mark or self.where
                base.place(key, self.values(base[key], value, (*path, key)), mark)
        return base
