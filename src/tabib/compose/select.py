"""A part of a project: the services that were named, with all that they depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tabib.compose.project import used_by
from tabib.model.project import Project


def select(project: Project, names: Sequence[str]) -> Project:
    """``project`` with ``names`` and their dependencies alone; all of it where none is named.

    Networks, volumes, secrets, configs and models that nothing refers to go with the rest.
    """
    if not names:
        return project
    wanted: set[str] = set()
    pending = [name for name in names if name in project.services]
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            needed = (d.service for d in project.services[name].depends_on)
            pending += [other for other in needed if other in project.services]
    services = {name: s for name, s in project.services.items() if name in wanted}
    rest = {name: s for name, s in project.services.items() if name not in wanted}
    used = used_by(services.values())
    return replace(
        project,
        services=services,
        disabled={**project.disabled, **rest},
        networks={k: v for k, v in project.networks.items() if k in used.networks},
        volumes={k: v for k, v in project.volumes.items() if k in used.volumes},
        secrets={k: v for k, v in project.secrets.items() if k in used.secrets},
        configs={k: v for k, v in project.configs.items() if k in used.configs},
        models={k: v for k, v in project.models.items() if k in used.models},
    )
