"""The fidelity tables of ``docs/compose.md``, made from what the engines' adapters say.

``PYTHONPATH=tests .venv/bin/python -m support.fidelity_page`` writes them into the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tabib.engines.fidelity import DOCKER, ENGINES
from tabib.model.fidelity import Fidelity, Support

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compose.md"
BEGIN, END = "<!-- fidelity: generated, see below -->", "<!-- /fidelity -->"
_SECTIONS = (
    ("services", "Services"),
    ("services.deploy", "`deploy`"),
    ("networks", "Networks"),
    ("volumes", "Volumes"),
    ("secrets", "Secrets"),
    ("configs", "Configs"),
    ("", "Top level"),
)


def tables() -> str:
    """All tables, as they stand between the marks of the page."""
    heads = " | ".join(engine.title for engine in ENGINES)
    lines: list[str] = []
    for section, title in _SECTIONS:
        lines += [f"### {title}", "", f"| property | {heads} | how |"]
        lines += [f"|---|{'---|' * len(ENGINES)}---|"]
        lines += [_row(section, path) for path in sorted(filter(_in(section), DOCKER.supports))]
        lines += [""]
    return "\n".join(lines)


def _in(section: str) -> Callable[[str], bool]:
    deeper = [f"{name}." for name, _ in _SECTIONS if name.startswith(f"{section}.") and section]

    def inside(path: str) -> bool:
        if not section:
            return "." not in path
        return path.startswith(f"{section}.") and not path.startswith(tuple(deeper))

    return inside


def _row(section: str, path: str) -> str:
    property_, equals, value = path.removeprefix(f"{section}.").partition("=")
    levels = " | ".join(_level(engine, path) for engine in ENGINES)
    shown = f"`{property_}: {value}`" if equals else f"`{property_}`"
    return f"| {shown} | {levels} | {_how(DOCKER.supports[path])} |"


def _level(engine: Fidelity, path: str) -> str:
    support = engine.support(path.partition("=")[0], path.partition("=")[2])
    if support.since is None:
        return str(support.level)
    return f"{support.level} before API {support.since[0]}.{support.since[1]}"


def _how(support: Support) -> str:
    return support.how


def with_tables(page: str) -> str:
    """``page`` with the tables of today."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    assert pattern.search(page), "the page has lost its marks"
    return pattern.sub(lambda _: f"{BEGIN}\n\n{tables()}\n{END}", page)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
