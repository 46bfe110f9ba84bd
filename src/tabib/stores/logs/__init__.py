"""Kept logs: the adapter of :class:`tabib.ports.LogStore` on ``STATE_DIR/logs.sqlite3``."""

from tabib.stores.logs.store import FILE_NAME, SqliteLogs

__all__ = ["FILE_NAME", "SqliteLogs"]
