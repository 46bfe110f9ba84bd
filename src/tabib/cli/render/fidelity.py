"""``tabib config --fidelity``: what engines make of the properties that a project uses."""

from __future__ import annotations

import json
from typing import Any

from tabib.cli.render.table import table
from tabib.decide.fidelity import short_name, used, warnings
from tabib.engines.fidelity import ENGINES
from tabib.engines.fidelity.docker import DOCKER
from tabib.model.fidelity import ApiVersion, Fidelity, Level, Support
from tabib.model.project import Project

_ORDER = (Level.REFUSED, Level.DEGRADED, Level.HONOURED)


def as_json(project: Project) -> str:
    """An array: each property in use × each engine."""
    rows = [row for engine in ENGINES for row in _rows(project, engine)]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def as_text(project: Project) -> str:
    """A table for each engine, what is not honoured first; engines to come in one line."""
    lines: list[str] = []
    for engine in ENGINES:
        if engine.otherwise.level is Level.NOT_YET:
            lines.append(f"{engine.title}: not yet")
            continue
        rows = _rows(project, engine)
        rows.sort(key=lambda row: (_ORDER.index(row["level"]), row["property"]))
        counts = ", ".join(
            f"{sum(row['level'] == level for row in rows)} {level}" for level in reversed(_ORDER)
        )
        lines += [f"{engine.title}: {counts}", ""]
        cells = [[r["level"], r["property"], ", ".join(r["users"]), r["how"]] for r in rows]
        lines += [*table(("LEVEL", "PROPERTY", "USED BY", "HOW"), cells), ""]
    return "".join(f"{line}\n" for line in lines)


def without_effect(project: Project) -> list[str]:
    """A line for each property that no version of the engine gives the effect that is written."""
    uses = used(project, project.services.values(), DOCKER)
    refused = [
        f"{', '.join(use.users)}: {short_name(use.property)}: {use.support.how}; `up` refuses it"
        for use in uses
        if use.support.level is Level.REFUSED and use.support.since is None
    ]
    return [*refused, *warnings(use for use in uses if use.support.since is None)]


def _rows(project: Project, engine: Fidelity) -> list[dict[str, Any]]:
    return [
        {
            "property": use.property,
            "users": list(use.users),
            "engine": engine.engine,
            "level": use.support.level,
            "how": use.support.how,
            "honoured_since_api": _text(use.support),
        }
        for use in used(project, project.services.values(), engine)
    ]


def _text(support: Support) -> str | None:
    since: ApiVersion | None = support.since
    return f"{since[0]}.{since[1]}" if since else None
