"""What set-up tells the person: one line when a step starts to take long, one when it is done."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class SetupError(Exception):
    """Set-up cannot go on; `advice` says what the person can do, `code` is the exit code."""

    def __init__(self, message: str, advice: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.advice = advice
        self.code = code


def paint(text: str, style: str) -> str:
    """The text in a style (bold, dim, red, green, yellow, cyan); as it is where no terminal is."""
    codes = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
    return f"\x1b[{codes[style]}m{text}\x1b[0m" if _COLOUR else text


def line(text: str = "") -> None:
    """Print one whole line, also when several threads speak."""
    with _LOCK:
        print(text, flush=True)


def detail(text: str) -> None:
    """Something smaller that happens inside a step."""
    line(paint(f"    {text}", "dim"))


def warn(text: str) -> None:
    """Something that the person should know and that stops nothing."""
    line(f"  {paint('!', 'yellow')} {text}")


def problem(error: SetupError) -> None:
    """Say on stderr what went wrong and what to do."""
    with _LOCK:
        sys.stdout.flush()
        mark = "\x1b[31m✗\x1b[0m" if sys.stderr.isatty() else "✗"
        print(f"  {mark} {error}", file=sys.stderr)
        for text in error.advice.splitlines():
            print(f"    {text}", file=sys.stderr)


@contextmanager
def step(name: str) -> Iterator[Callable[[str], None]]:
    """Time a step. The body may call what it is given to say what came out of it."""
    results: list[str] = []
    begun = time.monotonic()
    yield results.append
    seconds = time.monotonic() - begun
    said = f": {results[-1]}" if results else ""
    line(f"  {paint('✓', 'green')} {name}{said} {paint(f'({seconds:.1f} s)', 'dim')}")
