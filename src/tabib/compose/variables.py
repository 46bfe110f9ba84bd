"""The variables that a model asks for: ``config --variables``."""

from __future__ import annotations

from typing import Any, NamedTuple

from tabib.compose.template import TemplateError, references


class Variable(NamedTuple):
    """One variable; where several places ask for it, the first one speaks."""

    name: str
    default: str = ""
    presence: str = ""
    """What stands in its place where it has a value (``:+``)."""
    required: bool = False


def extract(model: Any) -> list[Variable]:
    """All variables of a model that was loaded without interpolation, sorted by name."""
    found: dict[str, Variable] = {}
    pending = [model]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            for variable in _of_text(value):
                found.setdefault(variable.name, variable)
        elif isinstance(value, dict):
            pending += [value[key] for key in sorted(value, reverse=True)]
        elif isinstance(value, list):
            pending += reversed(value)
    return [found[name] for name in sorted(found)]


def _of_text(text: str) -> list[Variable]:
    found: list[Variable] = []
    try:
        for name, operator, word in references(text):
            kind = operator[-1:]
            found.append(
                Variable(
                    name,
                    default=word if kind == "-" else "",
                    presence=word if kind == "+" else "",
                    required=kind == "?",
                )
            )
            if kind != "?":
                found += _of_text(word)
    except TemplateError:
        pass  # whoever interpolates is told; a list of variables is still of use
    return found
