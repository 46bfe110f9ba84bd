"""What every kind of data offers: to be copied, written back, checked and examined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tabib.model.backup import Dataset, Part, Place
from tabib.model.container import ContainerSpec, ContainerState
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.ports import BytesSink, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """What a copy is made with."""

    tools: Tools
    repository: Repository
    container: ContainerState | None
    """One of the data set's service that runs (or is paused); None: none does, and the files are
    at rest."""
    tags: tuple[str, ...]
    progress: BytesSink | None = None
    operation: Operation | None = None
    """Where pauses and stops are told; None: one of its own, that nobody follows."""
    spare: list[str] | None = None
    """Takes what was stored and is no part of anything, to be forgotten when the set is whole:
    while something waits to be stored, nobody has the repository alone. None: it goes at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What a copy is written back with. ``spec``: of the service whose data it is."""

    tools: Tools
    repository: Repository
    spec: ContainerSpec
    progress: BytesSink | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at in restored data. ``text``: what was found, one line."""

    name: str
    ok: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an offline checker says of files. ``sound`` None: it could not be told, which is no
    reason to replace anything."""

    sound: bool | None
    text: str


class Kind(Protocol):
    """How one kind of data is copied; see ``docs/decisions/0039-how-data-is-copied.md``."""

    async def save(self, work: Copying, dataset: Dataset) -> Part:
        """Copy it into the repository; nothing is stored where that fails.

        :raises Damaged: what is there cannot be read, or its own tool says that it is damaged.
        :raises CopyFailed: it cannot be copied for another reason.
        """
        ...

    async def fill(self, work: Filling, part: Part, target: Place) -> None:
        """Write the copy into the empty place ``target``, ready for the service to start on.

        :raises CopyFailed: the service's image is of another major version, or refuses the copy.
        """
        ...

    async def ready(self, tools: Tools, container_id: str) -> bool:
        """Whether the database in the container answers, for good: not the temporary server with
        which an image initialises empty data. Trouble is False, never an error."""
        ...

    async def check(self, tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
        """Compare what runs on restored data with ``part.record``, and run the database's own
        check of integrity. Waits until it answers; what is wrong is a check that is not ok."""
        ...

    async def examine(self, tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
        """Look at files without their service: the second witness of damage. ``place`` must be a
        copy: it is written to."""
        ...

    async def identity(self, tools: Tools, container_id: str, dataset: Dataset) -> str:
        """The database's own identity, as it runs; ``""``: it has none, or does not answer."""
        ...
