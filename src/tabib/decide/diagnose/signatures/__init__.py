"""What programs write when something is wrong: a table of signatures, as data beside this file.

A signature: ``code``; ``technology``; ``needs``, words in lower case of which a text has one at least
(what most texts fail at, at once); ``pattern``, where named groups tell the object (``host``,
``port``, ``file``, ``database``, ``user``, ``name``, ``limit``, ``found``); ``says``, the summary, with
``[parts in brackets]`` left out where their group was not told; ``severity``; ``any_level``, whether a
line counts that calls itself information; ``certainty``, 0…1, of it among those of its code.
The first of a file that matches speaks for its code. Whether a restart helps stands with the code's rule.
"""

# ruff: noqa: E501
from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files


@dataclass(frozen=True, eq=False)
class Signature:
    code: str
    technology: str
    needs: tuple[str, ...]
    pattern: str
    says: str
    severity: str = "error"
    any_level: bool = False
    certainty: float = 1.0

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        pattern = self.pattern
        for name, part in _MACROS.items():
            pattern = pattern.replace(name, part)
        return re.compile(pattern, re.IGNORECASE | re.MULTILINE)

    def needed(self, low: str) -> bool:
        """Whether a text, whose lower case is ``low``, is worth a search."""
        return any(word in low for word in self.needs)

    def search(self, text: str, low: str) -> re.Match[str] | None:
        """Where it stands in ``text``, whose lower case is ``low``."""
        return self.compiled.search(text) if self.needed(low) else None

    def summary(self, found: re.Match[str]) -> str:
        """What it says, with what was found."""
        groups = {name: value.strip() for name, value in found.groupdict().items() if value}
        text = _PART.sub(lambda part: _filled(part[1], groups, ""), self.says)
        return _filled(text, groups, "?")


_UPPER = r"(?-i:[A-Z][A-Z0-9]{0,40}(?:_[A-Z0-9]{1,40}){1,8}"
_MACROS = {
    "%ENVC%": rf"(?P<name>{_UPPER}))",
    "%ENV%": rf"(?P<name>{_UPPER}|[A-Z]{{3,40}}[A-Z0-9]{{0,10}}))",
    "%PORT%": r"(?P<port>[0-9]{1,5})",
}
"""What patterns share."""
_PART = re.compile(r"\[([^\[\]]*)\]")
_GROUP = re.compile(r"\{(\w+)\}")


def _filled(text: str, groups: dict[str, str], otherwise: str) -> str:
    wanted = _GROUP.findall(text)
    if not otherwise and any(name not in groups for name in wanted):
        return ""
    return _GROUP.sub(lambda found: groups.get(found[1], otherwise), text)


@lru_cache(maxsize=1)
def signatures() -> tuple[Signature, ...]:
    """All of them, read once."""
    return tuple(_read())


def _read() -> Iterator[Signature]:
    folder = files(__package__)
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            for row in tomllib.loads(file.read_text("utf-8"))["signature"]:
                yield Signature(**{**row, "needs": tuple(row["needs"])})
