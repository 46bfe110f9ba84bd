"""The Compose files that the global options name, loaded or only checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tabib.cli.settings import Settings

if TYPE_CHECKING:
    from tabib.compose.request import LoadRequest
    from tabib.model.project import Project


def here() -> str:
    """The folder that the command runs in. :raises ConfigError: it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        from tabib.model.errors import ConfigError

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
        cwd=here(),
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
    for warning in project.warnings if warn else ():
        _warn(settings, warning.message, warning.file, warning.line)
    return project


def check_project(settings: Settings) -> None:
    """Say the warnings of :func:`load_project`, or raise what it raises; nothing is made."""
    from tabib import compose
    from tabib.cli.files import RealFiles

    for warning in compose.check(load_request(settings), RealFiles()):
        _warn(settings, warning.message, warning.mark.file, warning.mark.line)


def _warn(settings: Settings, message: str, file: str, line: int) -> None:
    from tabib.cli.console import Console

    place = f"{_short(file)}:{line}: " if line else ""
    Console(settings.ansi).warn(place + message)


def _short(path: str) -> str:
    relative = os.path.relpath(path) if path else ""
    return path if relative.startswith("..") else relative
