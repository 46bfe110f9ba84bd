"""What of a project is data, what kind of data it is, and whether it is backed up."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from tabib.decide.backups.facts import Mounted, Origin, Seen
from tabib.decide.databases import (
    DATABASES,
    Database,
    at_its_place,
    database_at,
    database_of,
    makes_backups,
)
from tabib.model.backup import Dataset, Place

LATELY = timedelta(days=90)
"""A folder of the host that was written to within this time counts as data."""
LARGE_BYTES = 100 * 1024**3
"""Folders of the host that hold more are only backed up where somebody asks for it."""
NOTHING_SEEN = Seen()

_SYSTEM = re.compile(
    r"/(?:proc|sys|dev|run|boot|etc|usr|bin|sbin|lib\w*|var/(?:run|log|lib/docker|cache|tmp))"
    r"(?:/.*)?|/(?:var(?:/lib)?|tmp|root|home|opt|srv|mnt|media)?"
)
"""Folders of the machine itself, and what holds everybody's."""
_MADE_AGAIN = re.compile(
    r"/(?:node_modules|__pycache__|\.venv|venv|\.cache|\.npm|\.next|\.gradle|\.m2)(?:/|$)"
    r"|^/(?:tmp|run|var/tmp|var/cache|var/run)(?:/|$)"
)
"""Where programs put what they can make again."""
_KIND_NAMES = {one.kind: one.name for one in DATABASES if one.kind}


def discover(
    mounts: Iterable[Mounted],
    seen: Mapping[Place, Seen],
    origins: Mapping[str, Origin],
    *,
    now: datetime,
    before: Mapping[str, Dataset] = {},
    unused: Iterable[Place] = (),
    settings: Any = None,
) -> list[Dataset]:
    """The data sets of a project, by name.

    ``origins`` by the engine's volume name; ``before``: those of the last snapshot. A folder that
    counted as data once does not cease to be, and what was lost is still what it was; ``unused``:
    volumes of the project that no service mounts; ``settings``: the project's ``x-tabib.backup``.
    """
    by_place: dict[Place, list[Mounted]] = {}
    homes: set[str] = set()
    for one in mounts:
        by_place.setdefault(one.place, []).append(one)
        if _is_database(one):
            homes.add(one.service)
    found: list[Dataset] = []
    taken: set[str] = set()
    for place, users in by_place.items():
        look = seen.get(place, NOTHING_SEEN)
        dataset = _of(place, users, look, origins.get(place.source), now, before, taken, homes)
        if dataset is not None:
            found.append(dataset)
            taken.add(dataset.name)
    for place in unused:
        if place not in by_place:
            look = seen.get(place, NOTHING_SEEN)
            found.append(_unused(place, look, origins.get(place.source), settings))
    return sorted(found, key=lambda one: one.name)


def _of(
    place: Place,
    users: Sequence[Mounted],
    look: Seen,
    origin: Origin | None,
    now: datetime,
    before: Mapping[str, Dataset],
    taken: Collection[str],
    homes: Collection[str],
) -> Dataset | None:
    """What one place is; None where it is nothing that anybody would call data."""
    writers = [one for one in users if not one.read_only]
    asked = any(_wants(one, place) for one in users)
    if place.type == "bind" and (look.file or not (writers or asked)):
        return None
    if place.type == "tmpfs" and not any(_is_database(one) for one in users):
        return None
    what = _what(place, writers or list(users), look, homes)
    name = _name(place, what.owner, origin, taken)
    dataset = Dataset(
        name=name,
        place=place,
        kind=what.kind,
        service=what.owner.service,
        services=tuple(dict.fromkeys(one.service for one in writers)),
        target=what.owner.target,
        inner=what.inner,
        files=tuple(look.sqlite) if what.kind == "sqlite" else (),
        generation=origin.generation if origin else None,
        volume_id=origin.volume_id if origin else "",
    )
    former = before.get(name)
    if former is not None and former.place == place and dataset.kind == "files" and not look.marks:
        # Nothing tells what it is any more: files that are lost tell nothing.
        known = former.kind if look.empty or not look.whole else dataset.kind
        dataset = replace(dataset, kind=known, inner=former.inner, files=former.files)
    dataset = _covered(dataset, what, users, look, now, before)
    if place.type == "bind" and not (dataset.covered or what.database or asked):
        # Folders of code and the like are many: only those that might be data are worth a line.
        return dataset if look.newest and not look.code and not _of_system(place.source) else None
    return _as_the_user_says(dataset, what.owner.settings, asked=asked)


# ── what it is ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _What:
    kind: str
    owner: Mounted
    """Of the service whose data it is."""
    why: str
    inner: str = ""
    database: bool = False
    """It is known to hold a database's files."""


def _what(place: Place, users: Sequence[Mounted], look: Seen, homes: Collection[str]) -> _What:
    """The kind, whose it is, and how it is known: by the files first, then by image and path."""
    found = _by_files(look)
    if found is not None:
        known, inner, mark = found
        owner = _owner(users, known, homes)
        files = f"it holds files of {known.name} ({posixpath.join(inner, mark)})"
        if _runs(owner, known, homes):
            return _What(known.kind, owner, files, inner, True)
        words = f"{files}, but {owner.service} is not known to run it on them"
        return _What("files", owner, words, database=True)
    for one in users:
        known_by_image = database_of(one.image)
        if known_by_image and at_its_place(known_by_image, one.target):
            why = f"the image {one.image} is {known_by_image.name}, and it is mounted at "
            kind = known_by_image.kind or ("sqlite" if look.sqlite else "files")
            inner = _inner_of(one) if kind == "postgres" else ""
            return _What(kind, one, why + one.target, inner, True)
    if look.sqlite:
        more = f" and {len(look.sqlite) - 1} more" if len(look.sqlite) > 1 else ""
        why = f"it holds files of SQLite ({look.sqlite[0]}{more})"
        return _What("sqlite", users[0], why, database=True)
    owner = next((one for one in users if not makes_backups(one.image)), users[0])
    if place.type == "volume" and not owner.anonymous:
        return _What("files", owner, "a named volume is made to keep what is in it")
    return _What("files", owner, "")


def _by_files(look: Seen) -> tuple[Database, str, str] | None:
    """(database, its folder, the file that tells) of the files that lie least deep."""
    for folder in sorted(look.marks, key=lambda path: (path.count("/") + bool(path), path)):
        names = look.marks[folder]
        for known in DATABASES:
            marks = [name for name in known.files if name in names]
            if marks and known.kind:
                return known, folder, marks[0]
    return None


def _owner(users: Sequence[Mounted], known: Database, homes: Collection[str]) -> Mounted:
    def rank(one: Mounted) -> int:
        if _runs(one, known, homes):
            return 0 if database_of(one.image) else 1
        return 3 if makes_backups(one.image) else 2

    return min(users, key=rank)


def _runs(one: Mounted, known: Database, homes: Collection[str]) -> bool:
    """Whether the service runs that database on what is mounted there. A copy beside the data, in
    the database's own container (``/backup``), is nothing that it runs on."""
    there = database_at(one.target)
    if there is not None and there.name == known.name:
        return True
    image = database_of(one.image)
    if image is not None:
        at_home = at_its_place(known, one.target) or bool(_inner_of(one))
        return image.name == known.name and (at_home or one.service not in homes)
    prefixes = _VARIABLES.get(known.kind, ())
    return any(name.startswith(prefixes) for name in one.environment) if prefixes else False


_VARIABLES: dict[str, tuple[str, ...]] = {
    "postgres": ("POSTGRES_INITDB_", "POSTGRES_HOST_AUTH", "PGDATA"),
    "mysql": ("MYSQL_ROOT_", "MYSQL_ALLOW_EMPTY", "MARIADB_ROOT_", "MYSQL_RANDOM_ROOT"),
    "redis": ("REDIS_PASSWORD", "ALLOW_EMPTY_PASSWORD", "VALKEY_"),
    "mongodb": ("MONGO_INITDB_", "MONGODB_ROOT_"),
}
"""What only the database's own container is told."""


def _inner_of(one: Mounted) -> str:
    """Where PostgreSQL will keep its files, as the environment says; the image's own is found by
    looking."""
    path = one.environment.get("PGDATA", "")
    if path.startswith(f"{one.target.rstrip('/')}/"):
        return path[len(one.target.rstrip("/")) + 1 :].strip("/")
    return ""


def _is_database(one: Mounted) -> bool:
    known = database_of(one.image)
    return known is not None and at_its_place(known, one.target)


def _name(place: Place, owner: Mounted, origin: Origin | None, taken: Collection[str]) -> str:
    if place.type == "volume" and not owner.anonymous:
        key = owner.key or (origin.key if origin else "")
        name = key or place.source
        return name if name not in taken else place.source
    if place.type == "bind":
        return place.source
    name = f"{owner.service}:{owner.target}"
    return name if name not in taken else f"{owner.service}-{owner.slot}:{owner.target}"


# ── whether it is backed up ────────────────────────────────────────────────────────────────────


def _covered(
    dataset: Dataset,
    what: _What,
    users: Sequence[Mounted],
    look: Seen,
    now: datetime,
    before: Mapping[str, Dataset],
) -> Dataset:
    """With whether it is backed up where nobody says anything, and why."""
    owner, place = what.owner, dataset.place
    known = database_of(owner.image)

    asked = any(_wants(one, place) for one in users)

    def no(why: str, *, cache: bool = False) -> Dataset:
        kind = "cache" if cache and not asked else dataset.kind
        return replace(dataset, covered=False, kind=kind, why=f"{why}: not backed up")

    def yes(why: str) -> Dataset:
        return replace(dataset, why=why)

    if place.type == "tmpfs":
        return no("it lies in memory and ends with its container", cache=True)
    if known is not None and known.name == "memcached":
        return no("memcached keeps nothing", cache=True)
    if all(makes_backups(one.image) for one in users):
        return no(f"it belongs to {owner.image}, which makes backups itself")
    if not what.database and all(can_be_made_again(one.target) for one in users):
        return no(f"what lies at {owner.target} can be made again", cache=True)
    if owner.anonymous:
        if what.kind == "redis":
            return no("a Redis whose volume nobody named is a cache", cache=True)
        if what.database and look.empty and dataset.name not in before:
            # Such as a client of the database, which has its image and not its data.
            return no("nobody named the volume, and nothing is in it")
        if what.database:
            return yes(f"{what.why}; nobody named the volume, so it goes with its container")
        return no("nobody named the volume, and no database is known to be in it")
    if place.type == "bind":
        return _folder(dataset, what, look, now, before)
    return yes(_with_hint(what, owner))


def _with_hint(what: _What, owner: Mounted) -> str:
    """Data whose copy is only whole while nobody writes, with what to do about it."""
    if what.kind == "files" and what.database:
        return f"{what.why}: only `method: pause` or `stop` gives a copy that is sure to be whole"
    return what.why


def _folder(
    dataset: Dataset, what: _What, look: Seen, now: datetime, before: Collection[str]
) -> Dataset:
    """Folders of the host: data where a database is in it, or where it was written to lately."""
    large = (look.size_bytes or 0) > LARGE_BYTES and not what.database

    def no(why: str) -> Dataset:
        return replace(
            dataset, covered=False, why=f"{why}: not backed up, unless `include` says so"
        )

    if _of_system(dataset.place.source):
        return no("it is a folder of the machine itself")
    if what.database:
        return replace(dataset, why=_with_hint(what, what.owner))
    if look.code:
        return no(f"it looks like code or settings ({look.code})")
    if large:
        return no(f"it holds more than {LARGE_BYTES // 1024**3} GiB")
    if dataset.name in before:
        return replace(dataset, why="it was written to before, and is in the last snapshot")
    if look.newest is not None and now - look.newest <= LATELY:
        days = max(0, (now - look.newest).days)
        when = f"{days} days ago" if days > 1 else "within the last two days"
        return replace(dataset, why=f"a folder that is not read-only; last written to {when}")
    if look.empty:
        return no("the folder is empty")
    if look.newest is None:
        return no("what is in the folder is not known")
    return no(f"nothing in it was written within {LATELY.days} days")


def can_be_made_again(target: str) -> bool:
    """Whether what is mounted at ``target`` is a cache by where it lies."""
    return _MADE_AGAIN.search(target) is not None


def _of_system(path: str) -> bool:
    return _SYSTEM.fullmatch(posixpath.normpath(path)) is not None


# ── what the user says ─────────────────────────────────────────────────────────────────────────


def _as_the_user_says(dataset: Dataset, settings: Any, *, asked: bool) -> Dataset:
    """``asked``: ``include`` names it."""
    if asked and dataset.place.type != "tmpfs":
        dataset = replace(dataset, covered=True, why="`include` names it")
    if settings is False or (isinstance(settings, Mapping) and settings.get("enabled") is False):
        return replace(dataset, covered=False, why="`backup: false` is said of its service")
    if not isinstance(settings, Mapping):
        return dataset
    patterns = [str(one) for one in settings.get("exclude") or ()]
    named = next((one for one in patterns if names_it(one, dataset)), "")
    if named:
        return replace(dataset, covered=False, why=f"`exclude` names it ({named})")
    files = tuple(one for one in patterns if is_pattern(one))
    hooks = {name: str(value) for name, value in (settings.get("hooks") or {}).items() if value}
    method = str(settings.get("method") or "")
    return replace(dataset, excludes=files, hooks=hooks, method=method)


def _wants(one: Mounted, place: Place) -> bool:
    """Whether ``include`` names the folder."""
    if not isinstance(one.settings, Mapping):
        return False
    wanted = {str(each).rstrip("/") for each in one.settings.get("include") or ()}
    return bool(wanted & {place.source.rstrip("/"), one.target.rstrip("/"), one.key} - {""})


def names_it(pattern: str, dataset: Dataset) -> bool:
    """Whether an entry of ``exclude`` means the whole data set: its name, the engine's name of the
    volume, the folder, or where it is mounted; ``*`` and ``?`` stand for anything in a name."""
    names = {dataset.name, dataset.place.source.rstrip("/"), dataset.target.rstrip("/")}
    return any(name and fnmatchcase(name, pattern.rstrip("/") or "/") for name in names)


def is_pattern(text: str) -> bool:
    """Whether an entry of ``exclude`` can mean files within a data set."""
    return any(sign in text for sign in "*?[/.")


def _unused(place: Place, look: Seen, origin: Origin | None, settings: Any) -> Dataset:
    """A volume of the project that no service has mounted: what is in it lies still."""
    found = _by_files(look)
    why = f"it holds files of {found[0].name}" if found else "a volume of the project"
    dataset = Dataset(
        name=(origin.key if origin else "") or place.source,
        place=place,
        kind="files",
        service="",
        covered=settings is not False,
        why=f"{why}; no service mounts it now",
        generation=origin.generation if origin else None,
        volume_id=origin.volume_id if origin else "",
    )
    if settings is False:
        return replace(dataset, why="`backup: false` is said of the project")
    patterns = settings.get("exclude") or () if isinstance(settings, Mapping) else ()
    named = next((str(one) for one in patterns if names_it(str(one), dataset)), "")
    if named:
        return replace(dataset, covered=False, why=f"`exclude` names it ({named})")
    return dataset
