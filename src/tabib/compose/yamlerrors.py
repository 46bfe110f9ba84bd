"""What is no YAML, in words that name the way out."""

from __future__ import annotations

from typing import Any

from tabib.compose.problems import Problems
from tabib.compose.tree import Mark

_CLOSING = {"a quoted scalar": "quote", "a flow mapping": "'{'", "a flow sequence": "'['"}


def explain(error: Any, text: str, file: str, problems: Problems) -> None:
    """Add what the parser says, at the place to be corrected, with what is usually meant by it."""
    mark, begun = error.problem_mark or error.context_mark, error.context_mark
    context = f"{error.context}: " if error.context else ""
    message, hint = f"not valid YAML: {context}{error.problem}", ""
    lines = text.split("\n", mark.line + 1) if mark else []
    line = lines[mark.line] if mark and len(lines) > mark.line else ""
    open_part = next((w for part, w in _CLOSING.items() if part in (error.context or "")), "")
    if "cannot start any token" in (error.problem or ""):
        char = line[mark.column : mark.column + 1]
        hint = f"a text that begins with '{char}' stands in quotes"
        if char == "\t":
            message, hint = "not valid YAML: a line is indented with a tab", "indent with spaces"
    elif open_part and begun:
        mark, hint = begun, f"the {open_part} that begins here is not closed"
    elif "expected ':'" in (error.problem or "") and begun:
        mark, hint = begun, "a key ends with ':'; is it missing here?"
    elif "tab character" in (error.problem or ""):
        hint = "indent with spaces"
    elif "expected key" in (error.problem or ""):
        hint = "indent it as the lines above that it belongs to"
    elif "mapping values" in (error.problem or ""):
        hint = "the line above lacks its ':', or this one is indented too deeply"
        if ": " in line[: mark.column]:
            hint = "a text that holds ': ' stands in quotes"
    place = Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 0, 0)
    problems.add(message, mark=place, suggestion=hint)
