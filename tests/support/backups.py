"""Tools over a real engine, and real databases on it, for tests of copies.

Everything is named after a prefix that nobody else uses; :func:`house` removes what it made.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.folder_repository import FolderRepository
from support.inline import InlineDatabase
from support.real_engine import clear, ensure_images, step
from tabib.engines.docker import DockerEngine, connect
from tabib.host.clock import SystemClock
from tabib.model.backup import Dataset, Part, Place
from tabib.model.container import (
    LABEL_PROJECT,
    LABEL_SERVICE,
    ContainerSpec,
    ContainerState,
    EngineInfo,
    Mount,
)
from tabib.model.errors import TabibError
from tabib.model.plan import Verb
from tabib.model.wire import EndpointAddress
from tabib.operations.actions import Actions
from tabib.operations.backups.kinds import KINDS, Copying, Filling, Kind
from tabib.operations.backups.scratch import booted
from tabib.operations.glance import Glance
from tabib.operations.tools import Tools
from tabib.operations.watch import Watch
from tabib.stores.journal import SqliteJournal
from tabib.stores.journal_schema import MIGRATIONS
from tabib.stores.state import StateDir


@dataclass(frozen=True, slots=True)
class Ack:
    """A number that a database had acknowledged by ``at``."""

    number: int
    at: datetime

    @classmethod
    def of(cls, line: str) -> Ack:
        """``number seconds``, as the loops that write say it."""
        number, at = line.split()
        return cls(int(number), datetime.fromtimestamp(float(at), UTC))


def must_have(acks: Sequence[Ack], taken_at: datetime) -> set[int]:
    """What a copy of that point in time must hold."""
    return {one.number for one in acks if one.at < taken_at}


def copy_tree(source: Place, target: Place) -> None:
    """All files with their owners, into an empty place."""
    subprocess.run(["cp", "-a", f"{source.source}/.", target.source], check=True)


@dataclass(slots=True)
class DataHouse:
    """Tools on a real engine, a repository, and what a test makes there."""

    tools: Tools
    repository: FolderRepository
    prefix: str
    folder: Path
    specs: dict[str, ContainerSpec] = field(default_factory=dict)

    async def start(
        self,
        kind: str,
        image: str,
        target: str,
        *,
        place: Place | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
        name: str = "db",
        inner: str = "",
        files: tuple[str, ...] = (),
        wait: bool = True,
        **service: Any,
    ) -> Dataset:
        """Start a service of one container on an empty place; its data set, once it answers."""
        ensure_images(image)
        place = place or self.place(name)
        service |= {"environment": dict(environment or {}), "stop_grace_period": "5s"}
        if command:
            service["command"] = list(command)
        spec = ContainerSpec(
            name=f"{self.prefix}-{name}-1",
            project=self.prefix,
            service_name=name,
            slot=1,
            image=image,
            service=service,
            labels={LABEL_PROJECT: self.prefix, LABEL_SERVICE: name, "tabib.test": "1"},
            mounts=(Mount(type=place.type, source=place.source, target=target),),
            network_mode="none",
        )
        self.specs[name] = spec
        await self.tools.engine.apply(step(Verb.CREATE_CONTAINER, spec.name, container=spec))
        await self.tools.engine.apply(step(Verb.START_CONTAINER, spec.name))
        dataset = Dataset(
            name=f"{name}-data",
            place=place,
            kind=kind,
            service=name,
            services=(name,),
            target=target,
            inner=inner,
            files=files,
        )
        if wait:
            await self.ready(KINDS[kind], spec.name)
        return dataset

    async def ready(self, kind: Kind, container: str, patience_s: float = 90.0) -> None:
        async with asyncio.timeout(patience_s):
            while True:
                if await kind.ready(self.tools, container):
                    return
                await asyncio.sleep(0.1)

    def place(self, name: str) -> Place:
        """A new, empty folder; as a generation of a volume is one."""
        for number in itertools.count():
            path = self.folder / "places" / f"{name}-{number}"
            if not path.exists():
                path.mkdir(parents=True)
                return Place(type="bind", source=str(path))
        raise AssertionError

    def elsewhere(self) -> EngineInfo:
        """The engine as one whose files this machine does not see."""
        return replace(self.tools.info, local=False)

    async def container(self, name: str = "db") -> ContainerState:
        return await self.tools.engine.look(self.specs[name].name)

    async def copying(self, name: str = "db") -> Copying:
        container = await self.container(name)
        running = container if container.status in ("running", "paused") else None
        tags = ("tabib", "part", f"project={self.prefix}")
        return Copying(tools=self.tools, repository=self.repository, container=running, tags=tags)

    def filling(self, name: str = "db") -> Filling:
        return Filling(tools=self.tools, repository=self.repository, spec=self.specs[name])

    @asynccontextmanager
    async def restored(
        self, kind: Kind, part: Part, name: str = "db", place: Place | None = None
    ) -> AsyncIterator[str]:
        """The part written to an empty place and booted; the container's id."""
        place = place or self.place("restored")
        await kind.fill(self.filling(name), part, place)
        async with booted(
            self.tools,
            self.specs[name],
            {part.dataset.target: place},
            purpose="drill",
            ready=kind.ready,
        ) as container:
            yield container

    async def ask(self, container: str, script: str) -> str:
        """What a shell in a container that is booted in scratch says."""
        ran = await self.tools.engine.exec(container, ["sh", "-c", script], timeout_s=60)
        assert ran.exit_code == 0, (script, ran)
        return ran.stdout.decode().strip()

    async def act(self, verb: Verb, name: str = "db", **options: Any) -> None:
        await self.tools.engine.apply(step(verb, self.specs[name].name, options=options))

    async def sh(self, script: str, name: str = "db", user: str = "") -> str:
        """What a shell in the container says."""
        container = self.specs[name].name
        ran = await self.tools.engine.exec(
            container, ["sh", "-c", script], user=user, timeout_s=120
        )
        assert ran.exit_code == 0, (script, ran)
        return ran.stdout.decode().strip()

    @asynccontextmanager
    async def acknowledged(self, insert: str, name: str = "db") -> AsyncIterator[list[Ack]]:
        """Within the block, write as fast as it goes; after it, all that was acknowledged and when.

        ``insert``: a shell command that writes the number ``$i`` durably.
        """
        loop = (
            f"rm -f /tmp/stop; i=0; while [ ! -e /tmp/stop ]; do i=$((i+1)); {insert} >/dev/null"
            ' && echo "$i $(date +%s.%N)"; done'
        )
        found: list[Ack] = []
        argv = ["sh", "-c", loop]
        async with self.tools.engine.start_exec(self.specs[name].name, argv) as process:

            async def read() -> bytes:
                return b"".join([data async for kind, data in process.output() if kind == "stdout"])

            reading = asyncio.create_task(read())
            await asyncio.sleep(0.3)
            yield found
            try:
                await self.sh("touch /tmp/stop", name)
            except (AssertionError, TabibError):
                # A database whose files are gone may end meanwhile, and its container with it.
                await asyncio.sleep(1)
                assert (await self.container(name)).status != "running"
            found.extend(Ack.of(line) for line in (await reading).decode().splitlines())


@asynccontextmanager
async def house(address: EndpointAddress, folder: Path, prefix: str) -> AsyncIterator[DataHouse]:
    """A house over the machine's engine; everything that it made is removed in the end."""
    engine = await connect(address)
    tools = await real_tools(engine, address, folder, prefix)
    try:
        yield DataHouse(tools, FolderRepository(folder / "repository"), prefix, folder)
    finally:
        await clear(engine, prefix)
        await tools.journal.close()  # type: ignore[attr-defined]
        await engine.close()


async def real_tools(
    engine: DockerEngine, address: EndpointAddress, folder: Path, prefix: str
) -> Tools:
    """Tools whose journal is a file in ``folder``."""
    clock = SystemClock()
    ids = itertools.count(1)
    return Tools(
        engine=engine,
        info=replace(await engine.info(), local=True),
        address=address,
        journal=SqliteJournal(InlineDatabase(folder / "journal.db", MIGRATIONS), clock),
        vault=None,  # type: ignore[arg-type]
        clock=clock,
        state=StateDir.open(folder / "state", reserve_bytes=4096),
        watch=Watch(engine, clock),
        actions=Actions(),
        glance=Glance(engine, clock),
        new_id=lambda: f"{prefix}{next(ids):04d}",
    )
