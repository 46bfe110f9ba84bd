"""Which project a command means: from the Compose file here, or by its name alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tabib.cli.loading import here, load_project
from tabib.cli.quick_name import find_file, quick_name
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

if TYPE_CHECKING:
    from tabib.model.project import Project


@dataclass(frozen=True, slots=True)
class Target:
    """A project by name; ``project`` is its file's content where there is a file."""

    name: str
    project: Project | None = None


def has_file(settings: Settings) -> bool:
    """Whether a Compose file is named, or stands in this folder or one above."""
    if settings.files or os.environ.get("COMPOSE_FILE"):
        return True
    return bool(find_file(settings.project_directory or here()))


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
    known = settings.project_name or quick_name(settings, os.environ, here())
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
            attempted="find service",
            target=name,
            advice=f"Did you mean {near[0]}?" if near else f"It has: {', '.join(known)}.",
        )
