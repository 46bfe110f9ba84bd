"""``tabib config -q`` without click: the command of hooks and editors, run at every save.

Only the plain spelling of it: whatever is said in another way goes through click.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

FIELDS = {
    "-f": "files", "--file": "files", "-p": "project_name", "--project-name": "project_name",
    "--profile": "profiles", "--env-file": "env_files",
    "--project-directory": "project_directory",
}  # fmt: skip
"""Options with a value, and the field of the settings that each sets."""
SEVERAL = ("files", "profiles", "env_files")
QUIET = ("-q", "--quiet")


def plain(words: Sequence[str]) -> bool:
    """Whether ``words`` are ``config -q`` with nothing but options in :data:`FIELDS`."""
    rest = parse(words)[1]
    return rest.count("config") == 1 and len(rest) > 1 and {*rest} <= {"config", *QUIET}


def parse(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The settings that options with a value give, and what remains of ``words``."""
    given: dict[str, Any] = {}
    rest: list[str] = []
    following = iter(words)
    for word in following:
        value = next(following, "") if word in FIELDS else ""
        if not value:
            rest.append(word)
            continue
        field = FIELDS[word]
        given[field] = (*given.get(field, ()), value) if field in SEVERAL else value
    return given, rest


def check(words: Sequence[str]) -> None:
    """Load what plain ``words`` name, and say its warnings. :raises ConfigError: it is wrong."""
    from tabib.cli import spare

    with spare.patterns():
        import yaml  # noqa: F401 - the loader is going to want it

        import tabib.compose  # noqa: F401 - so is the next one
        from tabib.cli.loading import check_project
        from tabib.cli.settings import Settings

    check_project(Settings(**parse(words)[0]))


def leave() -> None:
    """End the process at once: nothing is open, and tidying up would take 10 ms."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
