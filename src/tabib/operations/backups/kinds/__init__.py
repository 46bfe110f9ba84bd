"""How each kind of data is copied, written back and checked."""

from __future__ import annotations

from collections.abc import Mapping

from tabib.operations.backups.kinds.files import Files
from tabib.operations.backups.kinds.kind import Check, Copying, Examined, Filling, Kind
from tabib.operations.backups.kinds.mongodb import MongoDb
from tabib.operations.backups.kinds.mysql import MySql
from tabib.operations.backups.kinds.postgres import Postgres
from tabib.operations.backups.kinds.redis import Redis
from tabib.operations.backups.kinds.sqlite import Sqlite

KINDS: Mapping[str, Kind] = {
    "postgres": Postgres(),
    "mysql": MySql(),
    "redis": Redis(),
    "mongodb": MongoDb(),
    "sqlite": Sqlite(),
    "files": Files(),
}
"""By ``Dataset.kind``."""

__all__ = ["KINDS", "Check", "Copying", "Examined", "Filling", "Kind"]
