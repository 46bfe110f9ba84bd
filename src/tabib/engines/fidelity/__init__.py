"""The engines' answers to each property of a Compose file: data, light enough for a command.

Each adapter owns its module here; ``docs/compose.md`` is made from them.
"""

from __future__ import annotations

from dataclasses import replace

from tabib.engines.fidelity.docker import DOCKER
from tabib.model.container import EngineInfo
from tabib.model.fidelity import Fidelity, Level, Support

_NOT_YET = Support(level=Level.NOT_YET)
SWARM = Fidelity(engine="swarm", title="Docker Swarm", supports={}, otherwise=_NOT_YET)
KUBERNETES = Fidelity(engine="kubernetes", title="Kubernetes", supports={}, otherwise=_NOT_YET)
MEMORY = Fidelity(engine="memory", title="engine in memory", supports={})
"""The tests' engine, which is asked to honour everything, so that decisions can be looked at."""
ENGINES = (DOCKER, SWARM, KUBERNETES)


def of(info: EngineInfo) -> Fidelity:
    """The answers of a connected engine, which is of one version."""
    major, _, minor = info.api_version.partition(".")
    api = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
    known = {one.engine: one for one in (*ENGINES, MEMORY)}
    return replace(known.get(info.kind, DOCKER), api=api)
