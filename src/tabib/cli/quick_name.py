"""The project's name without loading its files, where that is certain.

Loading takes 100 ms; `ps`, `logs` and `exec` want the name alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from tabib.cli.settings import Settings

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = tuple(
    f"{stem}.override.{ending}"
    for stem in ("compose", "docker-compose")
    for ending in ("yaml", "yml")
)
_NAME = re.compile(r"^name:[ ]+(['\"]?)([a-z0-9][a-z0-9_-]*)\1[ ]*(?:#.*)?$", re.MULTILINE)
_ANY_NAME = re.compile(r"^['\"]?name['\"]?\s*:|^(?:---|\.\.\.|[{?])", re.MULTILINE)
_SETTINGS = ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES", "COMPOSE_PROFILES")


def find_file(folder: str) -> str:
    """The Compose file of ``folder`` or the nearest folder above it; ``""`` where there is none."""
    folder = os.path.abspath(folder)
    while True:
        for name in NAMES:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return path
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above


def quick_name(settings: Settings, environ: Mapping[str, str], cwd: str) -> str:
    """The ``name:`` of the only Compose file, written out plainly; ``""`` where anything else
    (variables, ``.env``, several files, no name) may have a say: then the loader must tell.

    A line at column 0 of a block mapping is a top-level key and nothing else (YAML 1.2.2, 8.2.2).
    """
    if settings.files or settings.env_files or settings.project_directory:
        return ""
    if any(environ.get(name) for name in _SETTINGS):
        return ""
    path = find_file(cwd)
    folder = os.path.dirname(path)
    if not path or any(os.path.lexists(os.path.join(folder, name)) for name in _OVERRIDES):
        return ""
    if _env_file_decides(folder):
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError):
        return ""
    match = _NAME.search(text)
    return match[2] if match and len(_ANY_NAME.findall(text)) == 1 else ""


def _env_file_decides(folder: str) -> bool:
    try:
        with open(os.path.join(folder, ".env"), encoding="utf-8") as file:
            return "COMPOSE_" in file.read()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
