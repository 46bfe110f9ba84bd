"""The repositories of one engine: an adapter of :class:`tabib.ports.Repositories`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from tabib.model.backup import RepositoryAddress, RepositoryFacts
from tabib.model.container import EngineInfo
from tabib.model.errors import ImageUnavailable, RepositoryMissing
from tabib.ports import Clock, Engine, Journal, Repository, Vault
from tabib.stores.repository.addresses import Rclone, Target, target_of
from tabib.stores.repository.helpers import Helpers
from tabib.stores.repository.host import HostRunner
from tabib.stores.repository.image import HelperImage
from tabib.stores.repository.keys import make_key, take_key
from tabib.stores.repository.program import LOCK_WAIT_S
from tabib.stores.repository.restic import ResticRepository
from tabib.stores.vault import REFERENCE_PREFIX

log = structlog.get_logger("tabib.repository")

FOLDER = "backups"
REMOTE_FOLDER = "/var/lib/tabib/backups"
"""On the host of an engine that is not this machine's."""


class ResticRepositories:
    """See the port. The default repository is a folder on the engine's own host, never a volume: a
    ``docker volume prune`` would take the last good copy.

    ``keep_image``: what restic runs in is kept in the state folder after its first use. ``rclone``:
    this host's, where the engine is on it. ``host_program``: this host's restic, for an engine on
    it that has no image; empty: none.
    """

    def __init__(
        self,
        engine: Engine,
        info: EngineInfo,
        *,
        state: Path,
        installation: str,
        journal: Journal,
        vault: Vault,
        clock: Clock,
        image: str,
        is_root: bool,
        keep_image: bool = False,
        rclone: Rclone | None = None,
        host_program: str = "",
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self._state = state
        self._journal = journal
        self._vault = vault
        self._clock = clock
        self._local = info.local
        self._engine_id = info.id
        self._folder = str(state / FOLDER) if info.local else REMOTE_FOLDER
        self._helpers = Helpers(
            engine=engine,
            image=image,
            installation=installation,
            hostname=f"tabib-{installation[:8]}-{_short(info.id)}",
            cache_folder=f"{self._folder}/cache",
            owned_folders=is_root or not info.local,
        )
        self._image = HelperImage(
            engine, info.id, image, journal, state / FOLDER / "image" if keep_image else None
        )
        self._rclone = rclone
        self._host_program = host_program
        self._lock_wait_s = lock_wait_s
        self._reaped = False
        self._making = asyncio.Lock()
        self._opened: dict[str, tuple[str, str]] = {}
        """Repository's mark → the key that opened it, and how it looked then."""

    async def key(self) -> str:
        return await asyncio.to_thread(make_key, self._state)

    async def take_key(self, key: str) -> bool:
        return await asyncio.to_thread(take_key, self._state, key)

    async def get(self, address: RepositoryAddress, *, create: bool = True) -> Repository:
        await self._prepare()
        target = await self._target(address)
        known = await self._known(target)
        key = await self.key()
        repository = self._repository(address, target, key)
        async with self._making:
            seen = (key, await self._looks(target))
            if not seen[1] or self._opened.get(target.mark) != seen:
                try:
                    facts = await repository.open()
                except RepositoryMissing as error:
                    if known.get("held"):
                        raise RepositoryMissing(
                            f"the repository {known['id'][:8]} that was there, with snapshots, "
                            "is gone",
                            attempted="open",
                            target=target.name,
                            advice="Bring it back (is its disk mounted?). To begin anew, give "
                            "another address: it is never made anew in its place.",
                            details={"id": known["id"]},
                        ) from error
                    if not create:
                        raise
                    await asyncio.to_thread(self._make_folder, target)
                    facts = await repository.create()
                await self._remember(target, known, facts)
                self._opened[target.mark] = (key, await self._looks(target))
        return repository

    async def _looks(self, target: Target) -> str:
        here = self._local and bool(target.folder)
        return await asyncio.to_thread(_looks, Path(target.folder)) if here else ""

    async def name(self, address: RepositoryAddress) -> str:
        return (await self._target(address)).name

    async def with_key(self, address: RepositoryAddress, key: str) -> Repository:
        await self._prepare()
        target = await self._target(address)
        repository = self._repository(address, target, key)
        await repository.open()
        return repository

    def _repository(self, address: RepositoryAddress, target: Target, key: str) -> ResticRepository:
        async def on_held() -> None:
            known = await self._known(target)
            if not known.get("held"):
                await self._put(target, {**known, "held": True})

        return ResticRepository(
            self._helpers,
            target,
            key,
            self._clock,
            append_only=address.append_only,
            limit_upload_kib=address.limit_upload_kib,
            on_held=on_held,
            lock_wait_s=self._lock_wait_s,
        )

    async def _target(self, address: RepositoryAddress) -> Target:
        names = [
            name
            for name, value in address.environment.items()
            if value.startswith(REFERENCE_PREFIX)
        ]
        values = await self._vault.open([address.environment[name] for name in names])
        plain = {**address.environment, **dict(zip(names, values, strict=True))}
        return target_of(
            replace(address, environment=plain), f"{self._folder}/repository", self._rclone
        )

    def _make_folder(self, target: Target) -> None:
        """The default repository's folder, for root alone; others are made by the engine."""
        if self._local and target.folder.startswith(f"{self._folder}/"):
            Path(self._folder).mkdir(mode=0o700, exist_ok=True)
            Path(target.folder).mkdir(mode=0o700, exist_ok=True)

    async def _prepare(self) -> None:
        """Have the image, and no helpers of a daemon that is dead."""
        try:
            await self._image.ensure()
            self._helpers.host = None
        except ImageUnavailable as error:
            if not self._host_program:
                raise
            if self._helpers.host is None:
                log.warning("repository.host_program", why=error.happened)
                self._helpers.host = HostRunner(self._helpers.engine, self._host_program)
        if not self._reaped:
            count = await self._helpers.reap()
            self._reaped = True
            if count:
                log.info("repository.helpers_removed", count=count)

    # ── what is known of a repository ──────────────────────────────────────────────────────────

    def _setting(self, target: Target) -> str:
        return f"repository:{self._engine_id}:{target.mark}"

    async def _known(self, target: Target) -> Mapping[str, str]:
        text = await self._journal.get_setting(self._setting(target))
        found = msgspec.json.decode(text) if text else {}
        return dict(found)

    async def _put(self, target: Target, known: Mapping[str, object]) -> None:
        await self._journal.put_setting(self._setting(target), msgspec.json.encode(known).decode())

    async def _remember(
        self, target: Target, known: Mapping[str, str], facts: RepositoryFacts
    ) -> None:
        if known.get("id") == facts.id:
            return
        if known.get("id"):
            log.warning("repository.another", repository=target.name, was=known["id"], now=facts.id)
        await self._put(target, {"id": facts.id, "held": False})


def _short(engine_id: str) -> str:
    return "".join(one for one in engine_id.lower() if one.isalnum())[:8]


def _looks(folder: Path) -> str:
    """What tells the repository in a folder from every other: its configuration as it lies there
    (encrypted; it never changes), and which keys open it. ``""``: it cannot be seen. While both are
    as when it was opened, a helper that opened it again would learn nothing."""
    try:
        config = (folder / "config").read_bytes()
        keys = sorted(one.name for one in (folder / "keys").iterdir())
    except OSError:
        return ""
    if not config or not keys:
        return ""
    return hashlib.blake2b(config + "\n".join(keys).encode(), digest_size=16).hexdigest()
