"""Repositories on a real engine, their servers, and volumes with something in them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support import real_engine
from support.bench import RealClock
from tabib.engines.docker import connect
from tabib.model.backup import Place
from tabib.model.container import Mount, VolumeSpec
from tabib.model.oneshot import OneShot
from tabib.model.plan import Verb
from tabib.ports import Engine, Repository
from tabib.stores.journal import SqliteJournal
from tabib.stores.repository import Rclone, ResticRepositories
from tabib.stores.repository.restic import ResticRepository
from tabib.stores.state import StateDir
from tabib.stores.vault import SqliteVault, open_vault

IMAGE = "restic/restic:0.18.1"
OLDEST_IMAGE = "restic/restic:0.14.0"
SAMPLE = """
set -e; cd /data
echo hello > hello.txt; mkdir -p deep/er; head -c 300000 /dev/urandom > deep/er/random.bin
ln -s ../hello.txt deep/link; echo 'odd' > 'deep/odd [name]*.txt'; mkfifo pipe
chown 1234:2345 hello.txt; chmod 640 hello.txt; chmod 4755 deep/er/random.bin
chown 999:999 .; chmod 750 .; touch -d '2020-01-02 03:04:05' hello.txt
"""
LOOK = """
cd /data; find . | sort | while read -r f; do stat -c '%n %F %a %u %g %s' "$f"; done
find . -type f -exec md5sum {} + | sort; stat -c %Y hello.txt
"""


@dataclass
class Shelf:
    """One installation with its state folder, on the machine's engine."""

    engine: Engine
    state: StateDir
    journal: SqliteJournal
    vault: SqliteVault
    prefix: str
    info: object
    image: str = IMAGE
    rclone: Rclone | None = None
    host_program: str = ""
    lock_wait_s: float = 60.0

    def repositories(self, *, image: str = "", keep_image: bool = False) -> ResticRepositories:
        return ResticRepositories(
            self.engine,
            self.info,  # type: ignore[arg-type]
            state=self.state.path,
            installation=self.state.installation,
            journal=self.journal,
            vault=self.vault,
            clock=RealClock(),
            image=image or self.image,
            is_root=True,
            keep_image=keep_image,
            rclone=self.rclone,
            host_program=self.host_program,
            lock_wait_s=self.lock_wait_s,
        )

    async def volume(self, script: str = "", *, image: str = IMAGE) -> Place:
        """A new volume, with what ``script`` makes in ``/data``."""
        name = f"{self.prefix}_{uuid.uuid4().hex[:8]}"
        step = real_engine.step(Verb.CREATE_VOLUME, name, volume=VolumeSpec(name=name))
        await self.engine.apply(step)
        place = Place(type="volume", source=name)
        if script:
            await self.within(place, script)
        return place

    async def within(self, place: Place, script: str) -> str:
        """What ``script`` says beside the data of ``place``, as an almighty root."""
        spec = OneShot(
            purpose="test",
            image=IMAGE,
            argv=("sh", "-c", script),
            mounts=(Mount(type=place.type, source=place.source, target="/data"),),
            capabilities=("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD"),
        )
        said = bytearray()
        async with self.engine.start_one_shot(spec) as process:
            async for _, data in process.output():
                said += data
            code = await process.exit_code()
        assert code == 0, said.decode()
        return said.decode()

    async def by_hand(
        self, repository: Repository, words: str, given: bytes, *, script: str = 'exec "$@"'
    ) -> None:
        """Run ``restic`` with ``words`` and an input, as one of ``repository``'s helpers does."""
        assert isinstance(repository, ResticRepository)
        argv = ["sh", "-c", script, "sh", "restic", *words.split()]
        spec = repository._spec(argv, input="by hand")
        async with self.engine.start_one_shot(spec) as process:
            if given:
                await process.write(given)
            await process.end_input()
            async for _ in process.output():
                pass
            await process.exit_code()

    async def look(self, place: Place) -> str:
        """All names, kinds, modes, owners, sizes and sums of a place."""
        return await self.within(place, LOOK)


@asynccontextmanager
async def shelf(folder: Path) -> AsyncIterator[Shelf]:
    await asyncio.to_thread(real_engine.ensure_images, IMAGE, OLDEST_IMAGE)
    engine = await connect(real_engine.address())
    state = StateDir.open(folder / "state", reserve_bytes=1024)
    journal = await SqliteJournal.open(state.path, RealClock())
    vault = await open_vault(state.path)
    prefix = real_engine.unique_prefix("tbr")
    try:
        yield Shelf(engine, state, journal, vault, prefix, await engine.info())
    finally:
        await real_engine.clear(engine, prefix)
        await journal.close()
        await vault.close()
        await engine.close()


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def tags(*more: str) -> Sequence[str]:
    return ("tabib", "part", *more)
