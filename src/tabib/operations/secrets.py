"""What nothing may show: secret values of a container, taken out where evidence enters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabib.decide.redact import Redactor, secret_values
from tabib.model.container import LABEL_PROJECT
from tabib.model.project import Project

_SECRET_BYTES = 64 * 1024


class Secrets:
    """The contents of projects' secrets on one engine, in memory only."""

    def __init__(self) -> None:
        self._of: dict[str, frozenset[str]] = {}

    def know(self, project: Project) -> None:
        """Learn what the project's secrets hold; files are read where they are in reach."""
        self._of[project.name] = _contents(project)

    def redactor(self, inspection: Mapping[str, Any]) -> Redactor:
        """What takes the secrets of an inspected container out of text."""
        config = inspection.get("Config") or {}
        project = str((config.get("Labels") or {}).get(LABEL_PROJECT, ""))
        known = secret_values([str(entry) for entry in config.get("Env") or ()])
        return Redactor.knowing(known | self._of.get(project, frozenset()))


def _contents(project: Project) -> frozenset[str]:
    found = set()
    for secret in project.secrets.values():
        if secret.content:
            found.add(secret.content.strip())
        elif secret.file:
            try:
                with Path(secret.file).open("rb") as file:
                    found.add(file.read(_SECRET_BYTES).decode("utf-8", "replace").strip())
            except OSError:
                continue
    return frozenset(text for text in found if text)
