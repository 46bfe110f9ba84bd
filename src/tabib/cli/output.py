"""What a command makes for a file."""

from __future__ import annotations

from pathlib import Path

from tabib.cli.console import Console
from tabib.model.errors import UsageError


def write_out(file: str, text: str, console: Console) -> None:
    """Write ``text`` to ``file`` (``-``: print it) and say so.

    :raises UsageError: it cannot be written.
    """
    if file == "-":
        console.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(error.strerror or str(error), attempted="write", target=file) from error
    console.say(f"wrote {file}")
