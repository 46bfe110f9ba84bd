"""The console script. What starts here is paid by every command, so nothing is imported early."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_OBJECTS = 100_000
"""New objects between two searches for reference cycles: a tree of a Compose file has many, all
of them in use, and the usual 700 would make a third of loading it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``tabib ARGV``; the exit code. Never shows a traceback."""
    import gc

    gc.set_threshold(_OBJECTS)
    from tabib.cli import check

    words = sys.argv[1:] if argv is None else list(argv)
    failed: BaseException | None = None
    if check.plain(words):
        try:
            check.check(words)
        except BaseException as error:  # noqa: BLE001 - told where all errors are
            failed = error
        else:
            if argv is None:
                check.leave()
            return 0
    from tabib.cli.run import run

    return run(argv, failed)
