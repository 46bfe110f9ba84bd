"""What files tell: the names that are looked for, and what a list of files says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tabib.decide.backups.facts import Seen
from tabib.decide.databases import DATABASES

MARKS = frozenset(name for one in DATABASES if one.kind for name in one.files)
"""Names that only a database's folder has."""
CODE = (
    *(".git", "package.json", "pyproject.toml", "setup.py", "requirements.txt", "go.mod"),
    *("Cargo.toml", "composer.json", "Gemfile", "pom.xml", "build.gradle", "Dockerfile"),
    *("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "Makefile"),
    *("tsconfig.json", "manage.py", "nginx.conf", "conf.d", "default.conf", "prometheus.yml"),
)
"""Names in the root of what people write themselves, and keep in a repository of code."""
SQLITE_NAMES = ("*.db", "*.db3", "*.sqlite", "*.sqlite3")


def seen_of(
    *,
    marks: dict[str, tuple[str, ...]],
    roots: Iterable[str],
    sqlite: Iterable[str],
    newest: datetime | None,
    size_bytes: int | None,
    whole: bool,
    file: bool = False,
) -> Seen:
    """What a look found, as discovery judges it."""
    names = set(roots)
    return Seen(
        marks=marks,
        sqlite=tuple(sqlite),
        code=next((name for name in CODE if name in names), ""),
        empty=whole and not names and not file,
        file=file,
        newest=newest,
        size_bytes=size_bytes,
        whole=whole,
    )


def grouped(paths: Iterable[str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Of paths relative to a root: the marks among them by their folders, and the names in the
    root."""
    marks: dict[str, list[str]] = {}
    roots: dict[str, None] = {}
    for path in paths:
        path = path.removeprefix("./").strip("/")
        if not path or path == ".":
            continue
        folder, _, name = path.rpartition("/")
        roots.setdefault(path.partition("/")[0])
        if name in MARKS:
            marks.setdefault(folder, []).append(name)
    return {folder: tuple(sorted(names)) for folder, names in marks.items()}, list(roots)
