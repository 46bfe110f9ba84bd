"""Point in time: the write-ahead log of databases, received continuously, and rolled forward."""

from tabib.operations.backups.reached import Reached
from tabib.operations.backups.wal.forward import fill_to
from tabib.operations.backups.wal.keeper import Keeper

__all__ = ["Keeper", "Reached", "fill_to"]
