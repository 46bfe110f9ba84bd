"""Before anything is done: what the engine cannot do is refused, what has no effect is told."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide import fidelity as decisions
from tabib.engines import fidelity as engines
from tabib.model.project import Project, Service
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools


def honour(
    tools: Tools, project: Project, services: Iterable[Service], operation: Operation
) -> None:
    """Tell, once for all services, what of the file this engine does not honour.

    :raises ConfigError: the engine cannot do something that the file asks for.
    """
    fidelity = engines.of(tools.info)
    uses = decisions.used(project, services, fidelity)
    decisions.check(uses, fidelity.title)
    for line in decisions.warnings(uses):
        operation.note(line, "warning")
