"""The models of releases, opened once: reading commands ask for them again and again."""

from __future__ import annotations

from tabib.model.project import Project
from tabib.model.release import Release
from tabib.operations.secrets import Secrets
from tabib.ports import Vault
from tabib.stores.seal import open_project

_Mark = tuple[int, str, str]


class Models:
    """Keeps the last one that was opened of each project. A release never changes: its number, its
    time and its hash name it, also where a project is begun anew under the same name."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[_Mark, Project]] = {}

    async def of(self, release: Release, vault: Vault, secrets: Secrets) -> Project | None:
        """The project that a release describes, what is secret in it known to ``secrets``; None
        where it describes none (an adopted one, or one of which only the fact is known).

        :raises StateUnusable: the vault cannot be read.
        """
        if "services" not in release.model:
            return None
        mark = (release.number, release.created_at.isoformat(), release.config_hash)
        kept = self._kept.get(release.project)
        if kept is not None and kept[0] == mark:
            return kept[1]
        project = await open_project(release.model, vault)
        secrets.know(project)
        self._kept[release.project] = (mark, project)
        return project
