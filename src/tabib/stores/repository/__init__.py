"""Repositories in restic's format: adapters of :class:`tabib.ports.Repositories`.

restic runs in one-shot helper containers beside the data (``docs/decisions/0037-…``); nothing here
reads a user's files.
"""

from tabib.stores.repository.addresses import Rclone
from tabib.stores.repository.repositories import ResticRepositories

__all__ = ["Rclone", "ResticRepositories"]
