"""What a running database writes of damaged data; its health check passes all the same."""

from __future__ import annotations

import re

from tabib.decide.diagnose.data import NO_DAMAGE
from tabib.decide.diagnose.signatures import signatures
from tabib.model.kept_log import LogPattern

_TECHNOLOGY = {
    "postgres": "postgres",
    "mysql": "mysql",
    "redis": "redis",
    "mongodb": "mongo-sqlite-search",
    "sqlite": "mongo-sqlite-search",
}
"""Kind of data set → the signatures that are believed of its service."""


_OF_SQLITE = re.compile(
    r"database disk image is malformed|file is (?:encrypted or is )?not a database"
    r"|\bSQLITE_(?:CORRUPT|NOTADB)",
    re.IGNORECASE,
)
"""An application speaks of much that is corrupt; of its SQLite file it speaks in SQLite's words."""


def damage_in(pattern: LogPattern, kind: str) -> str:
    """The line that speaks of damage to a data set of ``kind``; ``""`` where none does."""
    technology = _TECHNOLOGY.get(kind, "")
    if not technology or pattern.level not in ("error", "fatal"):
        return ""
    # What people send to a database is quoted in its log, and may say anything.
    text = pattern.example.partition("STATEMENT:")[0]
    if NO_DAMAGE.search(text) or (kind == "sqlite" and not _OF_SQLITE.search(text)):
        return ""
    low = text.lower()
    for one in signatures():
        if (one.code, one.technology) == ("database.corrupt", technology) and one.needed(low):
            found = one.compiled.search(text)
            if found is not None:
                start = text.rfind("\n", 0, found.start()) + 1
                return text[start:].partition("\n")[0]
    return ""
