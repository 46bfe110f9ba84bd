"""Writing to the terminal: colours where they are wanted, messages, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def wants_color(stream: TextIO, ansi: str, environ: Mapping[str, str]) -> bool:
    """Whether to colour ``stream``: ``--ansi``, then NO_COLOR (no-color.org), then a terminal."""
    if ansi == "always":
        return True
    if ansi == "never" or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


class Console:
    """Standard output for answers, standard error for everything around them."""

    def __init__(self, ansi: str = "auto", environ: Mapping[str, str] = os.environ) -> None:
        self.out_color = wants_color(sys.stdout, ansi, environ)
        self.err_color = wants_color(sys.stderr, ansi, environ)

    def line(self, text: str = "") -> None:
        """One line of the answer."""
        sys.stdout.write(text + "\n")

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def json(self, value: Any) -> None:
        json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")

    def say(self, text: str) -> None:
        """One line beside the answer."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def warn(self, text: str) -> None:
        self.say(f"{self.paint_err('warning', 'yellow')}: {text}")

    def paint(self, text: str, *styles: str) -> str:
        return paint(text, *styles) if self.out_color else text

    def paint_err(self, text: str, *styles: str) -> str:
        return paint(text, *styles) if self.err_color else text


def paint(text: str, *styles: str) -> str:
    """``text`` between ANSI sequences (ECMA-48 SGR); empty text and empty styles stay plain."""
    codes = ";".join(_CODES[style] for style in styles if style)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text
