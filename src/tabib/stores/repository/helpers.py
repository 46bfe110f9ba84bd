"""The helper containers that restic runs in: what they may, what they see, how they are known."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tabib.model.backup import Place
from tabib.model.container import LABEL_OWNER, Mount
from tabib.model.errors import TabibError
from tabib.model.oneshot import LABEL_HELPER, OneShot
from tabib.model.plan import Step, Verb
from tabib.ports import Engine
from tabib.stores.repository.addresses import Target
from tabib.stores.repository.host import HostRunner
from tabib.stores.repository.runs import Runner

LABEL_REPOSITORY = "tabib.repository"
LABEL_RUN = "tabib.run"
"""Of which life of the daemon a helper is: those of an earlier one are nobody's."""
LABEL_INPUT = "tabib.input"
"""Whose input a helper takes: see :attr:`Helpers.waiting`."""
SAVE, RESTORE, LOOK = "backup", "restore", "repository"
PURPOSES = (SAVE, RESTORE, LOOK)
READING = ("DAC_READ_SEARCH",)
WRITING = (
    *("DAC_OVERRIDE", "DAC_READ_SEARCH", "CHOWN", "FOWNER", "FSETID", "MKNOD"),
    *("SETFCAP",),
)
"""What giving files back their owners, modes, device numbers and capabilities wants."""
CACHE = "/cache"
LOW_SHARES = 256
"""Beside the 1024 of other containers: copies are made of what is left of the processor."""


@dataclass(slots=True, kw_only=True)
class Helpers:
    """Makes the specs of one engine's helpers."""

    engine: Engine
    image: str
    installation: str
    hostname: str
    """Of no other engine's and no other installation's helpers: restic writes it into its locks."""
    cache_folder: str
    life: str = field(default_factory=lambda: secrets.token_hex(6))
    host: HostRunner | None = None
    """Runs them instead of the engine, which has no image for it."""
    waiting: set[str] = field(default_factory=set)
    """Inputs of which nothing has come yet: restic is not begun, and has no lock."""
    opens_ahead: bool = True
    """Whether this restic can take its input from a command; False once it said that it cannot."""
    owned_folders: bool = True
    """Folders of repositories on this host belong to the engine's root, so that no capability is
    wanted to write there."""

    @property
    def runner(self) -> Runner:
        return self.host or self.engine

    def spec(
        self,
        target: Target,
        argv: Sequence[str],
        *,
        key: str,
        purpose: str = LOOK,
        mounts: Sequence[Mount] = (),
        input: str = "",
        low: bool = False,
        cpus: float = 0.0,
    ) -> OneShot:
        """``input``: the name of what it reads from its input."""
        capabilities = WRITING if purpose == RESTORE else READING if purpose == SAVE else ()
        if target.folder and not self.owned_folders:
            capabilities = tuple(dict.fromkeys((*capabilities, "DAC_OVERRIDE")))
        environment = {
            "RESTIC_REPOSITORY": target.location,
            "RESTIC_PASSWORD": key,
            "RESTIC_PROGRESS_FPS": "2",
            "HOME": "/tmp",
            # The collector works harder from here on, instead of the host's memory filling up.
            "GOMEMLIMIT": "1GiB",
            **target.environment,
        }
        mounts = [*target.mounts, *mounts]
        if not target.folder:
            environment["RESTIC_CACHE_DIR"] = CACHE
            mounts.append(folder_mount(self.cache_folder, CACHE))
        return OneShot(
            purpose=purpose,
            image=self.image,
            argv=tuple(argv),
            hostname=self.hostname,
            environment=environment,
            mounts=tuple(mounts),
            files=target.files,
            network=target.network,
            capabilities=capabilities,
            cpu_shares=LOW_SHARES if low else 0,
            cpus=cpus,
            stdin=bool(input),
            labels={
                LABEL_OWNER: self.installation,
                LABEL_REPOSITORY: target.mark,
                LABEL_RUN: self.life,
                **({LABEL_INPUT: input} if input else {}),
            },
        )

    async def at_work(self, target: Target) -> bool:
        """Whether a helper of ours is alive that may hold a lock of this repository."""
        if self.host and self.host.running:
            return True
        seen = await self.engine.observe(detail=False)
        return any(
            one.labels.get(LABEL_REPOSITORY) == target.mark
            and one.labels.get(LABEL_OWNER) == self.installation
            and one.status in ("running", "paused", "created")
            and one.labels.get(LABEL_INPUT) not in self.waiting
            for one in seen.containers
        )

    async def reap(self) -> int:
        """Remove helpers of a daemon of this installation that is dead; how many."""
        seen = await self.engine.observe(detail=False)
        left = [
            one
            for one in seen.containers
            if one.labels.get(LABEL_HELPER) in PURPOSES
            and one.labels.get(LABEL_OWNER) == self.installation
            and one.labels.get(LABEL_RUN, self.life) != self.life
        ]
        for one in left:
            with suppress(TabibError):
                await self.engine.apply(_removal(one.id))
        return len(left)


def _removal(container: str) -> Step:
    options: Mapping[str, object] = {"force": True, "volumes": True}
    return Step(
        id="reap",
        verb=Verb.REMOVE_CONTAINER,
        subject="a helper",
        reason="its daemon is gone",
        target=container,
        options=options,
    )


def place_mount(place: Place, inside: str, *, read_only: bool) -> Mount:
    return Mount(type=place.type, source=place.source, target=inside, read_only=read_only)


def folder_mount(source: str, inside: str) -> Mount:
    """A folder of the engine's host, made where it is missing."""
    return Mount(type="bind", source=source, target=inside, options={"create_host_path": True})
