"""Stage 3c, include: other Compose files with a folder and an environment of their own.

What they define is copied into the including file; defining one thing twice, differently, is
refused (an override file beside the included one is the way).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tabib.compose.paths import folder, join
from tabib.compose.problems import Problems, Stop
from tabib.compose.remote import is_remote
from tabib.compose.tree import Map, Mark, Seq, mark_at

_KEYS = ("path", "project_directory", "env_file")
_SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "models")


class Inclusion(NamedTuple):
    """One entry of ``include``; paths absolute or remote, ``env_files`` None where none is
    written. An empty ``project_directory`` is the first file's, once it is here."""

    files: tuple[str, ...]
    project_directory: str
    env_files: tuple[str, ...] | None
    mark: Mark


LoadIncluded = Callable[[Inclusion], Map]


def _texts(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(value)
    return None


def _entry(entry: Any, working_dir: str, mark: Mark, problems: Problems) -> Inclusion | None:
    body = Map({"path": entry}) if isinstance(entry, str) else entry
    paths = _texts(body.get("path")) if isinstance(body, Map) else None
    if not isinstance(body, Map) or not paths:
        problems.add(
            "an entry is a path, or a mapping with path, project_directory and env_file",
            mark=mark,
            path=("include",),
        )
        return None
    for key in body:
        if key not in _KEYS and not key.startswith("x-"):
            problems.warn(f"include knows no '{key}': it has no effect", body.marks.get(key, mark))
    files = tuple(
        path if path.startswith("/") or is_remote(path) else join(working_dir, path)
        for path in paths
    )
    directory = body.get("project_directory") or ""
    if not isinstance(directory, str):
        problems.add("must be a path", mark=mark, path=("include", "project_directory"))
        return None
    env_files = _texts(body["env_file"]) if "env_file" in body else None
    absolute = None if not env_files else tuple(
        path if path.startswith("/") else join(working_dir, path) for path in env_files
    )  # fmt: skip
    base = join(working_dir, directory) if directory and directory[0] != "/" else directory
    if not base and not is_remote(files[0]):
        base = folder(files[0])
    return Inclusion(files, base, absolute, mark)


def apply(tree: Map, working_dir: str, load: LoadIncluded, problems: Problems) -> None:
    """Copy what ``include`` names into ``tree``; the key goes away. :raises Stop: it cannot."""
    value = tree.pop("include", None)
    if value is None:
        return
    if not isinstance(value, Seq):
        problems.add(
            "must be a list", mark=tree.marks.get("include", Mark("", 0, 0)), path=("include",)
        )
        raise Stop
    for index, entry in enumerate(value):
        inclusion = _entry(entry, working_dir, value.mark_of(index), problems)
        if inclusion is not None:
            _import(load(inclusion), tree, problems)
    problems.check()


def _import(source: Map, target: Map, problems: Problems) -> None:
    for section in _SECTIONS:
        members = source.get(section)
        if not isinstance(members, Map):
            continue
        into = target.setdefault(section, Map())
        if not isinstance(into, Map):
            continue
        for name, member in members.items():
            if name not in into:
                into.place(name, member, members.marks.get(name))
            elif into[name] != member:
                path = (section, name)
                problems.add(
                    "an included file defines this too, and differently",
                    mark=mark_at(target, path),
                    path=path,
                )
