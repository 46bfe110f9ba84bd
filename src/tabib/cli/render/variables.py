"""``tabib config --variables``: as a table, as JSON or as YAML, as Compose prints them."""

from __future__ import annotations

import json
from typing import Any

from tabib.compose.variables import Variable, extract

_HEAD = ("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")
_MIN_WIDTH = 20
_GAP = 3


def listing(model: Any, style: str | None) -> str:
    """The variables of a model that was loaded without interpolation; ``style`` None: a table."""
    variables = extract(model)
    if style == "json":
        content = {v.name: _json(v) for v in variables}
        return json.dumps(content, indent=4, ensure_ascii=False) + "\n\n"
    if style == "yaml":
        return _yaml(variables)
    rows = [(v.name, str(v.required).lower(), v.default, v.presence) for v in variables]
    return _table([_HEAD, *rows])


def _json(variable: Variable) -> dict[str, Any]:
    return {
        "Name": variable.name,
        "DefaultValue": variable.default,
        "PresenceValue": variable.presence,
        "Required": variable.required,
    }


def _yaml(variables: list[Variable]) -> str:
    from tabib.compose.render import yaml_text

    content = {v.name: {k.lower(): value for k, value in _json(v).items()} for v in variables}
    return yaml_text(content)


def _table(rows: list[tuple[str, ...]]) -> str:
    columns = list(zip(*rows, strict=True))[:-1]
    widths = [max(_MIN_WIDTH, *(len(cell) + _GAP for cell in column)) for column in columns]
    lines = []
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        lines.append("".join(padded) + row[-1] + "\n")
    return "".join(lines)
