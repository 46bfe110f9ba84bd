"""What a load is asked for, and the one door to the user's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from tabib.model.record import Record


class Reader(Protocol):
    """The user's files. Paths are absolute, or ``-`` for the standard input.

    Only ``read`` raises (:class:`OSError`); the other calls answer for what is not there too.
    """

    def read(self, path: str) -> bytes:
        """The whole content; for ``-`` the same bytes however often it is asked."""
        ...

    def is_file(self, path: str) -> bool:
        """Whether ``path`` is there and is not a folder."""
        ...

    def is_dir(self, path: str) -> bool: ...

    def real_path(self, path: str) -> str:
        """``path`` with symbolic links resolved as far as they exist."""
        ...


class LoadRequest(Record):
    """The command line of a load, in the words of ``docker compose``.

    Empty tuples mean "not given": then the environment (``COMPOSE_FILE``, …) and discovery speak.
    """

    cwd: str
    """Absolute folder that relative paths on the command line start from."""
    environment: Mapping[str, str] = MappingProxyType({})
    """The process's environment; it wins over ``.env``."""
    files: tuple[str, ...] = ()
    project_name: str = ""
    project_directory: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """Services named on the command line: their profiles become active."""
    all_resources: bool = False
    """Keep networks, volumes, secrets and configs that no active service uses."""
    no_interpolate: bool = False
    no_normalize: bool = False
    no_path_resolution: bool = False
    no_consistency: bool = False
    fetch: Callable[[str], str] | None = None
    """Remote resource → path of the file that was fetched, or OSError; None: all are refused."""
    no_hashes: bool = False
    """Leave the configuration hashes empty: who only checks or prints has no use for them."""
