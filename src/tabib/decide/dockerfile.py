"""What a Dockerfile's text tells before it is built: its instructions, and what they need.

Source: the Dockerfile reference. Nothing here judges whether it is right: the builder does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(.+?)\s*$")
_HEREDOC = re.compile(r"(?:^|\s)\d*<<-?([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1(?=\s|$|[;&|)>])")
_WITH_HEREDOC = ("RUN", "COPY", "ADD")
_FLAGS = {
    "RUN": ("mount", "network", "security", "device"),
    "COPY": ("chmod", "link", "parents", "exclude"),
    "ADD": ("chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"),
}
"""Flags that only BuildKit knows."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word in capitals, what follows, and the line it begins in (from 1)."""

    word: str
    rest: str
    line: int

    @property
    def text(self) -> str:
        return f"{self.word} {self.rest}".strip()

    @property
    def heredoc(self) -> bool:
        return self.word in _WITH_HEREDOC and bool(_HEREDOC.search(self.rest))


def instructions(text: str) -> list[Instruction]:
    """The instructions in order, each with its continuation lines; here-documents are skipped."""
    lines = text.removeprefix("\ufeff").splitlines()
    escape = directives(text).get("escape", "\\")
    found: list[Instruction] = []
    at = 0
    while at < len(lines):
        begun, at, joined = at + 1, *_joined(lines, at, escape)
        if not joined:
            continue
        word, _, rest = joined.partition(" ")
        one = Instruction(word.upper(), rest.strip(), begun)
        found.append(one)
        if one.heredoc:
            for _, name in _HEREDOC.findall(one.rest):
                while at < len(lines) and lines[at].lstrip("\t") != name:
                    at += 1
                at += 1
    return found


def _joined(lines: list[str], at: int, escape: str) -> tuple[int, str]:
    """(index after it, the logical line that begins at ``at``), blank where it is none."""
    parts: list[str] = []
    while at < len(lines):
        line = lines[at].strip()
        at += 1
        if line.startswith("#") or (parts and not line):
            if not parts:
                return at, ""
            continue  # Comments and blank lines within an instruction do not end it.
        if not line.endswith(escape):
            parts.append(line)
            break
        parts.append(line[: -len(escape)].strip())
    return at, " ".join(part for part in parts if part)


def directives(text: str) -> dict[str, str]:
    """``# syntax=`` and the others, which stand before everything else."""
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        match = _DIRECTIVE.match(line.strip())
        if not match:
            break
        found[match[1].lower()] = match[2]
    return found


def buildkit_needs(text: str) -> list[str]:
    """What the engine's own builder does not know, each with its line."""
    found = [f"the directive `{k}`" for k in ("syntax",) if k in directives(text)]
    for one in instructions(text):
        if one.heredoc:
            found.append(f"a here-document (line {one.line})")
        found += [
            f"{one.word} --{flag} (line {one.line})"
            for flag in _FLAGS.get(one.word, ())
            if re.match(rf"(?:--\S+\s+)*--{flag}(?:[=\s]|$)", one.rest)
        ]
        if one.word == "ADD" and re.search(r"(?:^|\s)(?:git@|\S+\.git(?:#|\s))", one.rest):
            found.append(f"ADD of a git repository (line {one.line})")
    return found


def images(text: str) -> set[str]:
    """The image references that it builds on (names of its own stages left out)."""
    stages: set[str] = set()
    found: set[str] = set()
    for one in instructions(text):
        words = [word for word in one.rest.split() if not word.startswith("--")]
        if one.word == "FROM" and words:
            if words[0].lower() not in stages:
                found.add(words[0])
            if len(words) > 2 and words[1].upper() == "AS":
                stages.add(words[2].lower())
        for source in re.findall(r"--(?:from|mount)=(\S+)", one.rest):
            name = re.sub(r"^(?:.*,)?from=([^,]+).*$", r"\1", source) if "=" in source else source
            if "=" not in name and not name.isdigit() and name.lower() not in stages:
                found.add(name)
    return found - {"scratch"}


def find(text: str, step: str) -> Instruction | None:
    """The instruction that a builder names: by its words, the last of equals."""
    wanted = _plain(step)
    found = [one for one in instructions(text) if _plain(one.text) == wanted]
    return found[-1] if found else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
