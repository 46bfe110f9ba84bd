"""A Compose project, from the command line's words to the nouns.

Stages, each its own module: discover → read → interpolate → extends, include → merge → validate →
canonical → defaults, paths → normalise → types → consistency → resolve → model. All problems of a
stage are collected before the next one would be misled by them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from tabib.compose import defaults, resets, schema, unique
from tabib.compose.canonical import Canonical
from tabib.compose.discover import (
    Discovery,
    Setting,
    local,
    normalise_name,
    parse_env_file,
    read_text,
)
from tabib.compose.interpolate import Interpolation
from tabib.compose.merge import Merge
from tabib.compose.normalise import normalise
from tabib.compose.paths import Paths, base_name, folder, join
from tabib.compose.problems import Problem, Problems, Stop
from tabib.compose.read import documents
from tabib.compose.remote import is_remote
from tabib.compose.request import LoadRequest, Reader
from tabib.compose.resolve import Resolution
from tabib.compose.tree import Map, Mark, Path, clone

if TYPE_CHECKING:
    from tabib.compose.extends import OpenFile
    from tabib.compose.include import Inclusion
    from tabib.model.project import Project


def load(request: LoadRequest, files: Reader) -> Project:
    """The project that ``request`` names.

    Reads nothing but through ``files``, and nothing remote. :raises ConfigError: with all
    problems found, in ``details["problems"]``; nothing else is raised, whatever the files hold.
    """
    from tabib.compose.project import project_of  # 8 ms, which check() spares

    return project_of(_resolved(request, files, Problems()))


def check(request: LoadRequest, files: Reader) -> list[Problem]:
    """The warnings of :func:`load`, which refuses the same, without making a project."""
    problems = Problems()
    _resolved(request, files, problems)
    return problems.warnings


def _resolved(request: LoadRequest, files: Reader, problems: Problems) -> Resolution:
    try:
        return _resolve(request, files, problems)
    except Stop:
        raise problems.error() from None
    except RecursionError:
        problems.add("the configuration is nested too deeply")
        raise problems.error() from None
    except Exception as unexpected:
        # Behind a problem that was settled, a stage may meet what it never sees otherwise.
        if problems.settled:
            raise problems.error() from unexpected
        raise


def _resolve(request: LoadRequest, files: Reader, problems: Problems) -> Resolution:
    setting = Discovery(request, files, problems).run()
    loader = Loader(request, files, problems)
    name = project_name(request, setting, loader)
    setting.environment["COMPOSE_PROJECT_NAME"] = name
    scope = Scope(setting.working_dir, setting.environment)
    tree = loader.model(setting.files, scope)
    if not tree and not problems.found:
        problems.add("the Compose file is empty", mark=Mark(setting.files[0], 0, 0))
    elif not name:
        problems.add("the project has no name", suggestion="give one with -p, or with 'name:'")
    problems.check()
    if not request.no_normalize:
        normalise(tree, name, setting.environment)
    resolution = Resolution(tree, name, setting, loader)
    resolution.run()
    problems.finish()
    return resolution


def project_name(request: LoadRequest, setting: Setting, loader: Loader) -> str:
    """``-p``, COMPOSE_PROJECT_NAME, ``name:`` of the last file that has one, the folder's name."""
    given = request.project_name or setting.environment.get("COMPOSE_PROJECT_NAME", "")
    if given:
        if normalise_name(given) != given:
            loader.problems.add(
                f"'{given}' is no project name",
                suggestion="small letters, digits, '-' and '_', starting with a letter or digit",
            )
        loader.problems.check()
        return given
    written = ""
    for path in setting.files:
        for document in loader.documents(path):
            name = document.get("name") if isinstance(document, Map) else None
            if isinstance(name, str) and name:
                written = name
    if not written:
        return normalise_name(base_name(setting.working_dir))
    if not request.no_interpolate:
        interpolation = Interpolation(setting.environment, Problems())
        written = interpolation.text(written, ("name",), Mark("", 0, 0))
    return normalise_name(written)


_MAX_INCLUSIONS = 500
"""Files that include two others each are more after twenty of them than anybody could read."""


class Scope(NamedTuple):
    """The folder and the environment in which a group of files is read."""

    working_dir: str
    environment: Mapping[str, str]
    including: tuple[str, ...] = ()
    """Files whose ``include`` is being followed."""


class Loader:
    """Loads groups of files; keeps what was read, since the name is looked for first."""

    def __init__(self, request: LoadRequest, reader: Reader, problems: Problems) -> None:
        self.request = request
        self.reader = reader
        self.problems = problems
        self.secret_values: dict[str, str] = {}
        self._documents: dict[str, list[object]] = {}
        self._inclusions = 0

    def documents(self, path: str) -> list[object]:
        """The raw documents of a file. :raises Stop: it cannot be read."""
        if path not in self._documents:
            text = read_text(path, self.reader, self.problems)
            self._documents[path] = list(documents(text, path, self.problems))
            self.problems.check()
        return self._documents[path]

    def model(self, files: tuple[str, ...], scope: Scope) -> Map:
        """The canonical tree of a group of files, defaults filled in and paths absolute."""
        tree = Map()
        for path in files:
            tree = self.file(path, tree, scope)
        defaults.set_defaults(tree)
        defaults.check(tree, self.problems)
        if not self.request.no_path_resolution:
            self._paths(scope.working_dir).tree(tree, self.problems)
        self.problems.settle(tree)
        self.secret_values |= defaults.resolve_environment(tree, scope.environment)
        return tree

    def file(self, path: str, tree: Map, scope: Scope) -> Map:
        """``tree`` with the file merged over it. :raises Stop: anything is wrong with it."""
        for document in self.documents(path):
            current, reset_paths = self._prepared(document, path, scope)
            self._extends(path, current, reset_paths, scope)
            resets.apply(reset_paths, tree)
            self.problems.settle(current)
            if "include" in current:
                self._include(path, current, scope)
            tree = self._merged(tree, current)
            schema.validate(tree, self.problems)
            self.problems.settle(tree)
            if "version" in tree:
                mark = tree.marks.get("version", Mark(path, 0, 0))
                self.problems.warn("'version' is obsolete and has no effect: remove it", mark)
                del tree["version"]
            self._canonical(tree)
        return tree

    def _extends(self, path: str, tree: Map, reset_paths: list[Path], scope: Scope) -> None:
        services = tree.get("services")
        members = services.values() if isinstance(services, Map) else ()
        if not any(isinstance(service, Map) and "extends" in service for service in members):
            return
        from tabib.compose.extends import Extends  # as include: few files have it

        locate = functools.partial(self._locate, scope)
        Extends(self._extended(scope), locate, self.problems).apply(path, tree, reset_paths)

    def _include(self, path: str, tree: Map, scope: Scope) -> None:
        from tabib.compose import include

        inner = scope._replace(including=(*scope.including, path))
        follow = functools.partial(self._included, scope=inner)
        include.apply(tree, scope.working_dir, follow, self.problems)

    def _prepared(self, document: object, path: str, scope: Scope) -> tuple[Map, list[Path]]:
        if not isinstance(document, Map):
            self.problems.add("a Compose file is a mapping: services: …", mark=Mark(path, 0, 0))
            raise Stop
        tree = clone(document)
        if not self.request.no_interpolate:
            tree = Interpolation(scope.environment, self.problems).tree(tree)
            self.problems.settle(tree)
        return tree, resets.of(document)

    def _merged(self, base: Map, over: Map) -> Map:
        tree: Map = Merge(self.problems).mappings(base, over, ())
        unique.enforce(tree, self.problems)
        self.problems.settle(tree)
        return tree

    def _canonical(self, tree: Map) -> None:
        Canonical(tree, self.problems, lenient=self.request.no_interpolate).run()
        self.problems.settle(tree)
        unique.enforce(tree, self.problems)
        self.problems.settle(tree)

    def _paths(self, base: str) -> Paths:
        home = self.request.environment.get("HOME", "")
        return Paths(base, home, self.reader.real_path)

    def _extended(self, scope: Scope) -> OpenFile:
        def open_file(path: str) -> tuple[Map, list[Path]]:
            tree = Map()
            found: list[Path] = []
            for document in self.documents(path):
                current, found = self._prepared(document, path, scope)
                resets.apply(found, tree)
                tree = self._merged(tree, current)
                self._canonical(tree)
            if not self.request.no_path_resolution:
                self._paths(folder(path)).tree(tree, self.problems)
            self.problems.settle(tree)
            return tree, found

        return open_file

    def _locate(self, scope: Scope, path: str, mark: Mark, at: Path) -> str:
        if is_remote(path):
            return local(path, self.request, self.problems, mark, at)
        return self._paths(scope.working_dir).absolute(path)

    def _included(self, inclusion: Inclusion, scope: Scope) -> Map:
        self._inclusions += 1
        if self._inclusions > _MAX_INCLUSIONS:
            message = f"more than {_MAX_INCLUSIONS} files are included"
            self.problems.add(message, mark=inclusion.mark)
            raise Stop
        files = tuple(
            local(path, self.request, self.problems, inclusion.mark) if is_remote(path) else path
            for path in inclusion.files
        )
        directory = inclusion.project_directory or folder(files[0])
        inclusion = inclusion._replace(files=files, project_directory=directory)
        if inclusion.files[0] in scope.including:
            chain = " → ".join((*scope.including, inclusion.files[0]))
            self.problems.add(f"files include each other: {chain}", mark=inclusion.mark)
            raise Stop
        default = join(inclusion.project_directory, ".env")
        env_files = inclusion.env_files
        if env_files is None:
            env_files = (default,) if self.reader.is_file(default) else ()
        values: dict[str, str] = {}
        known = dict(scope.environment)
        for path in env_files:
            parse_env_file(path, values, known, self.reader, self.problems)
        inner = scope._replace(
            working_dir=inclusion.project_directory, environment={**values, **known}
        )
        return self.model(inclusion.files, inner)
