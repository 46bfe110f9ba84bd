"""Before anything is read: which files, which folder, which environment, which name."""

from __future__ import annotations

from typing import NamedTuple

from tabib.compose.paths import base_name, folder, join
from tabib.compose.problems import Problems, Stop
from tabib.compose.read import MAX_BYTES, decode
from tabib.compose.remote import ADVICE, is_remote
from tabib.compose.request import LoadRequest, Reader
from tabib.compose.tree import Mark, Path

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_USABLE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False", "")


class Setting(NamedTuple):
    """Where a project lives."""

    files: tuple[str, ...]
    working_dir: str
    environment: dict[str, str]
    env_files: tuple[str, ...]
    profiles: tuple[str, ...]
    """An empty one where none is given: ``profiles: ["$UNSET"]`` is then active, as in Compose."""


def normalise_name(text: str) -> str:
    """The project name that a folder's name, or ``name:``, gives."""
    return "".join(char for char in text.lower() if char in _USABLE).lstrip("_-")


class Discovery:
    """Finds the files of one request."""

    def __init__(self, request: LoadRequest, reader: Reader, problems: Problems) -> None:
        self.request = request
        self.reader = reader
        self.problems = problems
        self.environment = dict(request.environment)
        self.environment.setdefault("PWD", request.cwd)
        self.read_env_files: list[str] = []

    def run(self) -> Setting:
        """:raises Stop: nothing to load, or an env file is missing or unreadable."""
        request = self.request
        files = tuple(self._absolute(path) for path in request.files)
        self._dotenv(self._folder(files))
        if not files:
            files = self._from_environment() or self._search(self._folder(()))
        working_dir = self._folder(files)
        self._dotenv(working_dir)
        if not files:
            self.problems.add(
                f"no Compose file in {self._folder(())} or any folder above it",
                suggestion=f"create {NAMES[0]} there, or name the file with -f",
            )
            raise Stop
        profiles = request.profiles or tuple(
            part.strip() for part in self.environment.get("COMPOSE_PROFILES", "").split(",")
        )
        return Setting(
            files=files,
            working_dir=working_dir,
            environment=self.environment,
            env_files=tuple(self.read_env_files),
            profiles=profiles,
        )

    def _absolute(self, path: str) -> str:
        if is_remote(path):
            return local(path, self.request, self.problems, Mark("", 0, 0))
        return path if path == "-" or path.startswith("/") else join(self.request.cwd, path)

    def _folder(self, files: tuple[str, ...]) -> str:
        if self.request.project_directory:
            return self._absolute(self.request.project_directory)
        first = next((path for path in files if path != "-"), None)
        return folder(first) if first else self.request.cwd

    def _from_environment(self) -> tuple[str, ...]:
        value = self.environment.get("COMPOSE_FILE")
        if value is None:
            return ()
        separator = self.environment.get("COMPOSE_PATH_SEPARATOR") or ":"
        return tuple(self._absolute(path) for path in value.split(separator))

    def _search(self, start: str) -> tuple[str, ...]:
        at = start
        while True:
            found = self._present(at, NAMES)
            if found:
                return (found[0], *self._present(at, OVERRIDES)[:1])
            if folder(at) == at:
                return ()
            at = folder(at)

    def _present(self, at: str, names: tuple[str, ...]) -> list[str]:
        paths = [join(at, name) for name in names]
        found = [path for path in paths if self.reader.is_file(path)]
        if len(found) > 1:
            others = ", ".join(base_name(path) for path in found[1:])
            self.problems.warn(f"{base_name(found[0])} is used; {others} lies beside it unused")
        return found

    def _default_env_file(self, working_dir: str) -> list[str]:
        switch = self.request.environment.get("COMPOSE_DISABLE_ENV_FILE")
        if switch is not None and switch not in (*_TRUE, *_FALSE[:-1]):
            self.problems.add(f"COMPOSE_DISABLE_ENV_FILE is '{switch}', neither true nor false")
            raise Stop
        path = join(working_dir, ".env")
        return [path] if switch not in _TRUE and self.reader.is_file(path) else []

    def _dotenv(self, working_dir: str) -> None:
        named = self.request.env_files or tuple(
            part
            for part in self.request.environment.get("COMPOSE_ENV_FILES", "").split(",")
            if part
        )
        files = [self._absolute(p) for p in named] or self._default_env_file(working_dir)
        values: dict[str, str] = {}
        for path in files:
            if path in self.read_env_files and not named:
                continue
            parse_env_file(path, values, self.environment, self.reader, self.problems)
            if path not in self.read_env_files:
                self.read_env_files.append(path)
        for key, value in values.items():
            self.environment.setdefault(key, value)


def parse_env_file(
    path: str, values: dict[str, str], known: dict[str, str], reader: Reader, problems: Problems
) -> None:
    """Add the variables of ``path`` to ``values``; ``known`` wins in its substitutions.

    :raises Stop: the file is missing or unreadable.
    """
    from tabib.compose import dotenv  # many projects have no such file

    if not reader.is_file(path):
        what = "is a folder" if reader.is_dir(path) else "does not exist"
        problems.add(f"the env file {path} {what}")
        raise Stop
    text = read_text(path, reader, problems, dotenv.MAX_BYTES)

    def lookup(name: str) -> str | None:
        return known.get(name, values.get(name))

    try:
        dotenv.parse(text, values, lookup)
    except dotenv.DotenvError as error:
        problems.add(str(error), mark=Mark(path, error.line, 1))
        raise Stop from None


def local(text: str, request: LoadRequest, problems: Problems, mark: Mark, at: Path = ()) -> str:
    """The path of a remote resource once it is here. :raises Stop: it is refused, or not there."""
    if request.fetch is None:
        problems.add(f"'{text}' is remote: nothing is fetched unasked", mark=mark, path=at,
                     suggestion=ADVICE)  # fmt: skip
        raise Stop
    try:
        return request.fetch(text)
    except OSError as error:
        problems.add(f"'{text}' cannot be fetched: {error}", mark=mark, path=at)
        raise Stop from None


def read_text(path: str, reader: Reader, problems: Problems, limit: int = MAX_BYTES) -> str:
    """:raises Stop: the file cannot be read, or is no text."""
    try:
        data = reader.read(path)
    except FileNotFoundError:
        problems.add(
            "the file does not exist",
            mark=Mark(path, 0, 0),
            suggestion="create it, or correct the path that names it",
        )
        raise Stop from None
    except OSError as error:
        problems.add(f"cannot be read: {error.strerror or error}", mark=Mark(path, 0, 0))
        raise Stop from None
    return decode(data, path, problems, limit)
