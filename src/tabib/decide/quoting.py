"""Evidence in one line."""

from __future__ import annotations

QUOTE_CHARS = 300
"""Evidence is quoted up to this length; the case file holds the rest."""


def quote(text: str) -> str:
    """``text`` on one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTE_CHARS else line[: QUOTE_CHARS - 1] + "…"
