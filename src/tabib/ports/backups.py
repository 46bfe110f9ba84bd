"""Repositories: where copies of data are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from tabib.model.backup import (
    BytesDone,
    Place,
    RepositoryAddress,
    RepositoryFacts,
    Saved,
    Stored,
    StoredEntry,
)

BytesSink = Callable[[BytesDone], None]


class Repository(Protocol):
    """One encrypted, deduplicating repository in restic's format, as seen from one engine: files
    are read and written there, beside the data. ``tests/stores/test_repository.py`` is the
    definition of this port.

    Every call raises from the tree of ``model/errors.py``, never answers emptily for trouble:
    :class:`~tabib.model.errors.RepositoryMissing` (there is none at the address),
    :class:`~tabib.model.errors.RepositoryKeyWrong`,
    :class:`~tabib.model.errors.RepositoryUnreachable`,
    :class:`~tabib.model.errors.RepositoryLocked` (by a living process, within the time waited),
    :class:`~tabib.model.errors.RepositoryDamaged`,
    :class:`~tabib.model.errors.RepositoryFull`, and
    :class:`~tabib.model.errors.ImageUnavailable` where nothing runs restic. Locks whose holder is
    dead are recognised and removed. Cancelling a call, or raising within its stream, leaves no
    snapshot of it.
    """

    @property
    def name(self) -> str:
        """What a person calls it; holds no secret."""
        ...

    @property
    def append_only(self) -> bool: ...

    async def open(self) -> RepositoryFacts:
        """Look whether it is there and the key fits."""
        ...

    async def create(self) -> RepositoryFacts:
        """Make it where there is none; the same as :meth:`open` where there is one. Never
        overwrites anything."""
        ...

    async def save_files(
        self,
        place: Place,
        *,
        tags: Sequence[str],
        inner: str = "",
        excludes: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> Saved:
        """Copy the tree at ``place`` (below ``inner``), read-only. Its paths begin with ``/data``.

        :raises Damaged: files could not be read for trouble of the disk (``details["paths"]``).
        """
        ...

    async def save_stream(
        self,
        chunks: AsyncIterator[bytes],
        *,
        filename: str,
        tags: Sequence[str],
        progress: BytesSink | None = None,
        ahead: bool = False,
    ) -> Saved:
        """Copy a stream as one file ``/filename``. Where ``chunks`` raises, nothing is stored and
        that error comes out.

        ``ahead``: of a short one that comes later: the repository is opened before, and what wants
        it alone (:meth:`forget`, :meth:`prune`, :meth:`check`) waits from now on. Its time then is
        that of the opening.
        """
        ...

    async def stored(self, tags: Sequence[str] = ()) -> list[Stored]:
        """All that carry every one of ``tags``, oldest first."""
        ...

    async def restore_files(
        self,
        stored: str,
        target: Place,
        *,
        path: str = "/data",
        include: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> None:
        """Write the tree below ``path`` to the root of ``target``, with owners, modes and times;
        that root gets the tree's own owner and mode too. Nothing outside ``include`` where given.

        :raises Refused: ``target`` is not empty.
        """
        ...

    async def unpack(
        self,
        stored: str,
        target: Place,
        *,
        path: str,
        inner: str = "",
        progress: BytesSink | None = None,
    ) -> None:
        """Unpack the tar archive ``path`` to the root of ``target`` (to its folder ``inner``, which
        is made), owners by number.

        :raises Refused: ``target`` is not empty.
        """
        ...

    def read(self, stored: str, path: str) -> AsyncIterator[bytes]:
        """The content of one file; of a folder: a tar of it."""
        ...

    async def entries(self, stored: str, path: str = "/") -> list[StoredEntry]:
        """What lies directly below ``path``."""
        ...

    async def forget(self, stored: Sequence[str]) -> None:
        """Let go of snapshots; their data stays until :meth:`prune`. Idempotent.

        :raises Refused: the repository is append-only.
        """
        ...

    async def prune(self, *, progress: BytesSink | None = None) -> int:
        """Remove what no snapshot refers to; how many bytes."""
        ...

    async def check(self, *, subset: str = "") -> None:
        """Check its structure, and read a ``subset`` of its data (``"3/10"``, ``"5%"``).

        :raises RepositoryDamaged: something is missing or wrong; says what.
        """
        ...

    async def facts(self) -> RepositoryFacts:
        """With its size, which takes a while for a large one."""
        ...


class Repositories(Protocol):
    """The repositories that one engine's data is kept in."""

    async def get(self, address: RepositoryAddress, *, create: bool = True) -> Repository:
        """The repository at ``address`` (credentials as vault references or plain), looked at once,
        and made where there is none and ``create`` says so.

        What is known by its id to have held snapshots is never made anew: where it is gone, that is
        RepositoryMissing.
        """
        ...

    async def name(self, address: RepositoryAddress) -> str:
        """The name of the repository at ``address``; it is not looked at."""
        ...

    async def with_key(self, address: RepositoryAddress, key: str) -> Repository:
        """A repository of another installation, opened with its key; never made."""
        ...

    async def key(self) -> str:
        """The key of this installation's repositories; made on first use (0600, in the state
        folder)."""
        ...

    async def take_key(self, key: str) -> bool:
        """Make ``key`` this installation's where it has none yet; whether it is its key now."""
        ...
