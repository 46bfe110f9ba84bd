"""Everything found wrong with a project's files, collected before any of it is raised."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from tabib.compose.tree import NOWHERE, Mark, Path, dotted, prune

if TYPE_CHECKING:
    from tabib.model.errors import ConfigError

_SHOWN = 20
"""Problems spelled out in the text of one error; ``details`` always has all of them."""
_ENOUGH = 200
"""A file with more problems is not a Compose file; looking on would only cost time."""
_LONGEST = 400
"""Longest message, path or suggestion."""
_VARIABLE = re.compile(r"\$\{?(\w+)")
_WIDTH = 160
"""Longest part of an offending line that is shown."""


class Problem(NamedTuple):
    """One thing wrong: where, what, and what was probably meant."""

    mark: Mark
    path: str
    message: str
    suggestion: str = ""
    at: Path = ()
    """``path`` in its parts, as far as it names something in a tree."""
    hidden: bool = False
    """The line is not quoted: it may hold a secret."""


class Stop(Exception):
    """Internal: no further stage makes sense; the problems so far are the answer."""


class Problems:
    """Collects problems and warnings of one load; knows the text of the files for quoting."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.found: list[Problem] = []
        self.warnings: list[Problem] = []
        """Accepted, but worth a line; they have no path."""
        self.settled = 0
        """Of ``found``, how many have been taken out of the tree, so that loading could go on."""
        self.taken: set[Path] = set()

    def add(
        self,
        message: str,
        *,
        mark: Mark = NOWHERE,
        path: Path = (),
        suggestion: str = "",
        hidden: bool = False,
    ) -> None:
        """Note a problem, once; not what only follows from one that is settled. ``hidden``: its
        line is not to be quoted.

        :raises Stop: there are enough of them.
        """
        if path and any(taken[: len(path)] == path for taken in self.taken):
            return
        problem = Problem(
            mark, _short(dotted(path)), _short(message), _short(suggestion), path, hidden
        )
        if problem not in self.found:
            self.found.append(problem)
        if len(self.found) >= _ENOUGH:
            raise Stop

    def warn(self, message: str, mark: Mark = NOWHERE, *, once: bool = False) -> None:
        """Note what is accepted all the same; ``once``: wherever else it is met."""
        if len(self.warnings) >= _ENOUGH:
            return
        if once and any(known.message == message for known in self.warnings):
            return
        warning = Problem(mark, "", message)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def check(self) -> None:
        """:raises Stop: something was found that is not settled."""
        if len(self.found) > self.settled:
            raise Stop

    def settle(self, tree: Any = None) -> None:
        """Take what is wrong out of ``tree``, so that the rest can be judged as well.

        :raises Stop: a problem names no part that could be taken out.
        """
        new = [problem.at for problem in self.found[self.settled :]]
        if not all(new):
            raise Stop
        for path in sorted(new, key=str, reverse=True):  # items of a list: the last one first
            prune(tree, path)
        self.taken.update(new)
        self.settled = len(self.found)

    def finish(self) -> None:
        """:raises Stop: anything was found."""
        if self.found:
            raise Stop

    def error(self) -> ConfigError:
        """All problems as the one error that people and programs read."""
        from tabib.model.errors import ConfigError

        order = {file: number for number, file in enumerate(self.texts)}
        found = sorted(
            self.found,
            key=lambda p: (not p.mark.line, order.get(p.mark.file, len(order)), p.mark[1:]),
        )
        shown = [self._text(problem) for problem in found[:_SHOWN]]
        if len(found) > _SHOWN:
            shown.append(f"… and {len(found) - _SHOWN} more")
        head = "" if len(found) == 1 else f"{len(found)} problems in the configuration\n"
        return ConfigError(
            head + "\n".join(shown), details={"problems": [self._wire(p) for p in found]}
        )

    def _source(self, mark: Mark) -> str:
        if not mark.line or mark.file not in self.texts:
            return ""
        lines = self.texts[mark.file].split("\n", mark.line)
        return lines[mark.line - 1].rstrip("\r") if len(lines) >= mark.line else ""

    def _wire(self, problem: Problem) -> dict[str, object]:
        return {
            "file": problem.mark.file,
            "line": problem.mark.line,
            "column": problem.mark.column,
            "path": problem.path,
            "message": problem.message,
            "suggestion": self._suggestion(problem),
            "source": "" if problem.hidden else self._source(problem.mark)[:_WIDTH],
        }

    def _text(self, problem: Problem) -> str:
        mark = problem.mark
        where = os.path.relpath(mark.file) if os.path.isabs(mark.file) else mark.file
        if mark.file and (where.startswith("..") or where == "."):
            where = mark.file
        place = ":".join(
            [where, *([str(mark.line), str(mark.column)] if mark.line else [])] if where else []
        )
        path = f"{problem.path}: " if problem.path else ""
        text = f"{place}: {path}{problem.message}" if place else f"{path}{problem.message}"
        source = "" if problem.hidden else self._source(mark)
        if source.strip() and mark.column <= _WIDTH:
            shown = source[:_WIDTH].replace("\t", " ")
            text += f"\n    {shown}\n    {' ' * (mark.column - 1)}^"
        suggestion = self._suggestion(problem)
        return f"{text}\n    {suggestion}" if suggestion else text

    def _suggestion(self, problem: Problem) -> str:
        """What was probably meant; of an empty text, which variable left it empty."""
        if problem.suggestion or "''" not in problem.message:
            return problem.suggestion
        unset = " ".join(warning.message for warning in self.warnings)
        for name in _VARIABLE.findall(self._source(problem.mark)):
            if f'the variable "{name}" is not set' in unset:
                return f'the variable "{name}" is not set; a default is given as ${{{name}:-…}}'
        return ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def nearest(word: str, words: Iterable[str]) -> str:
    """``did you mean …?`` for the closest of ``words``, or nothing where none is close."""
    import difflib  # only a wrong file pays for it

    found = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'?" if found else ""
