"""Which project a command means: from the Compose file here, or by its name alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tabib.cli.console import Console
from tabib.cli.quick_name import find_file, quick_name
from tabib.cli.settings import Settings
from tabib.model.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tabib.compose.request import LoadRequest
    from tabib.model.project import Project


@dataclass(frozen=True, slots=True)
class Target:
    """A project by name; ``project`` is its file's content where there is a file."""

    name: str
    project: Project | None = None


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "the folder that this terminal is in was removed",
            attempted="look for a Compose file",
            advice="Change to a folder that exists.",
        ) from error


def load_request(settings: Settings, services: Sequence[str] = (), **flags: Any) -> LoadRequest:
    """The load that the global options ask for; ``flags`` are further fields of the request."""
    from tabib.compose.request import LoadRequest

    fetch: Callable[[str], str] | None = None
    if settings.allow_remote:
        from tabib.cli import remote

        fetch = remote.fetch
    return LoadRequest(
        fetch=fetch,
        cwd=_here(),
        environment=dict(os.environ),
        files=settings.files,
        project_name=settings.project_name,
        project_directory=settings.project_directory,
        profiles=settings.profiles,
        env_files=settings.env_files,
        services=tuple(services),
        **flags,
    )


def load_project(
    settings: Settings, services: Sequence[str] = (), *, warn: bool = True, **flags: Any
) -> Project:
    """The project of the Compose files that the settings name.

    :raises ConfigError: there is none, or it is wrong.
    """
    from tabib import compose
    from tabib.cli.files import RealFiles

    project = compose.load(load_request(settings, services, **flags), RealFiles())
    if warn:
        console = Console(settings.ansi)
        for warning in project.warnings:
            place = f"{_short(warning.file)}:{warning.line}: " if warning.line else ""
            console.warn(place + warning.message)
    return project


def has_file(settings: Settings) -> bool:
    """Whether a Compose file is named, or stands in this folder or one above."""
    if settings.files or os.environ.get("COMPOSE_FILE"):
        return True
    return bool(find_file(settings.project_directory or _here()))


def target(settings: Settings, services: Sequence[str] = ()) -> Target:
    """The project to act on: with its file where there is one, else by ``-p`` alone.

    :raises ConfigError: neither a file nor a name, or the file is wrong.
    """
    name = settings.project_name or os.environ.get("COMPOSE_PROJECT_NAME", "")
    if name and not has_file(settings):
        return Target(name)
    project = load_project(settings, services)
    return Target(project.name, project)


def name_of(settings: Settings) -> str:
    """The name of the project to look at; loads the file only where nothing simpler tells."""
    known = settings.project_name or quick_name(settings, os.environ, _here())
    return known or load_project(settings, warn=False).name


def name_or_all(settings: Settings) -> str:
    """As :func:`name_of`; ``""`` (all projects) where there is neither a file nor a name."""
    if settings.project_name or has_file(settings):
        return name_of(settings)
    return os.environ.get("COMPOSE_PROJECT_NAME", "")


def check_services(project: Project, services: Sequence[str]) -> None:
    """:raises UsageError: a service is not in the project (with a suggestion)."""
    known = [*project.services, *project.disabled]
    for name in services:
        if name in known:
            continue
        import difflib

        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            f"no such service in project {project.name}",
            target=name,
            advice=f"Did you mean {near[0]}?" if near else f"It has: {', '.join(known)}.",
        )


def _short(path: str) -> str:
    relative = os.path.relpath(path) if path else ""
    return path if relative.startswith("..") else relative
