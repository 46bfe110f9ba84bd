"""PostgreSQL: a base backup streamed out of the running container, else a logical dump.

The base backup is one tar archive with the write-ahead log it needs, so that a server starts on it
by itself. Its point in time is its end. Where the server cannot give one (further tablespaces, no
right to replicate, ``max_wal_senders`` 0), ``pg_dumpall`` is taken, whose point in time is its
beginning.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, replace

from tabib.model.backup import Dataset, Part, Place, Saved
from tabib.model.container import ContainerState
from tabib.model.errors import Conflict, CopyFailed, TabibError
from tabib.operations.backups.kinds import files, postgres_record
from tabib.operations.backups.kinds.kind import Check, Copying, Examined, Filling
from tabib.operations.backups.kinds.places import AT, at_place, must, same_image
from tabib.operations.backups.kinds.postgres_sql import as_superuser, ask
from tabib.operations.backups.kinds.programs import Ran, dumping, failure, load
from tabib.operations.backups.kinds.storing import keep, part_of
from tabib.operations.backups.scratch import booted, stop
from tabib.operations.tools import Tools

TAR = "base.tar"
DUMP = "dump.sql"
_POLL_S = 1.0
_COPYING = ("initializing", "waiting for checkpoint", "estimating", "streaming database files")
"""Phases of ``pg_stat_progress_basebackup`` before the backup's end is fixed."""
_TAR_END = bytes(1024)
_DUMP_END = b"database cluster dump complete"
_THERE_ALREADY = re.compile(r'ERROR:  (?:role|database) ".*" already exists')
_NOT_OURS = re.compile(
    r"ERROR:  (?:current user cannot be dropped|cannot drop the currently open database"
    r'|role ".*" cannot be dropped because some objects depend on it)'
)


class Postgres:
    """See :class:`~tabib.operations.backups.kinds.kind.Kind`."""

    async def save(self, work: Copying, dataset: Dataset) -> Part:
        if files.preferred(work, dataset):
            return await files.save(work, dataset)
        assert work.container is not None
        return await _Save(work, dataset, work.container).part()

    async def fill(self, work: Filling, part: Part, target: Place) -> None:
        if part.form == "files":
            await files.fill(work, part, target)
            return
        await _same_version(work, part, target)
        await (_fill_tar if part.form == "tar" else _fill_dump)(work, part, target)

    async def ready(self, tools: Tools, container_id: str) -> bool:
        return await postgres_record.answers(tools, container_id)

    async def check(self, tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
        return await postgres_record.check(tools, container_id, part)

    async def examine(self, tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
        return await postgres_record.examine(tools, place, dataset, image)

    async def identity(self, tools: Tools, container_id: str, dataset: Dataset) -> str:
        with suppress(TabibError):
            return await ask(
                tools, container_id, "select system_identifier from pg_control_system()"
            )
        return ""


def major(version: str) -> str:
    """The part of a version that decides whether its files fit: ``15`` of ``15.4``, ``9.6``."""
    numbers = re.findall(r"\d+", version)
    if not numbers:
        return ""
    return numbers[0] if int(numbers[0]) >= 10 else ".".join(numbers[:2])


@dataclass(frozen=True, slots=True)
class _About:
    """What the server is, and why it cannot give a base backup (``""``: it can)."""

    version: str
    identity: str
    hindrance: str


async def _about(tools: Tools, container_id: str) -> _About:
    answer = await ask(
        tools,
        container_id,
        "select current_setting('server_version'),"
        " (select system_identifier from pg_control_system()),"
        " (select count(*) from pg_tablespace) - 2, current_setting('max_wal_senders'),"
        " current_setting('wal_level'),"
        " (select rolreplication or rolsuper from pg_roles where rolname = current_user)",
    )
    version, identity, tablespaces, senders, level, may = answer.split("|")
    hindrance = ""
    if int(tablespaces):
        hindrance = f"it has {tablespaces} further tablespaces"
    elif senders == "0" or level == "minimal":
        hindrance = f"its settings forbid it (max_wal_senders {senders}, wal_level {level})"
    elif may != "t":
        hindrance = "its user has no right to replicate"
    return _About(version.split()[0], identity, hindrance)


class _Save:
    """One copy of a running server."""

    def __init__(self, work: Copying, dataset: Dataset, container: ContainerState) -> None:
        self._work = work
        self._tools = work.tools
        self._dataset = dataset
        self._container = container
        self._taken_at = work.tools.clock.now()
        self._warnings: list[str] = []

    async def part(self) -> Part:
        attempted, target = "back up", self._dataset.name
        try:
            about = await _about(self._tools, self._container.id)
            before = await postgres_record.count(self._tools, self._container.id, target)
            part = None
            if not about.hindrance:
                part, about = await self._base_backup(about)
            if part is None:
                self._warnings.append(
                    f"no base backup could be taken, for {about.hindrance}: a logical dump was,"
                    " which takes longer to restore and allows no point in time"
                )
                part = await self._dump_all()
            after = await postgres_record.count(self._tools, self._container.id, target)
        except Conflict as error:
            raise files.not_running(error, attempted=attempted, target=target) from error
        return replace(
            part,
            version=about.version,
            identity=about.identity,
            record=postgres_record.compare(before, after),
            warnings=tuple(self._warnings),
        )

    async def _base_backup(self, about: _About) -> tuple[Part | None, _About]:
        """None where the server gives none; why is in what comes with it."""
        name = f"tabib-{self._tools.new_id()}"
        argv = as_superuser("pg_basebackup", *["-D", "-", "-Ft", "-X", "fetch", "-c", "fast"])
        async with dumping(
            self._tools, self._container.id, argv, environment={"PGAPPNAME": name}
        ) as dump:
            self._taken_at = self._tools.clock.now()
            watch = asyncio.create_task(self._watch(name))
            try:
                failed = await dump.begin()
                if failed is not None:
                    if failed.exit_code == 0:
                        failed = replace(failed, exit_code=1, stderr="it wrote nothing")
                    words = " ".join(failed.stderr.split())[-300:]
                    return None, replace(about, hindrance=f"pg_basebackup refused ({words})")
                saved = await keep(self._work, self._dataset, dump, filename=TAR, end=_TAR_END)
            finally:
                watch.cancel()
        return self._part(saved, "tar", TAR), about

    async def _dump_all(self) -> Part:
        argv = as_superuser("pg_dumpall", "--clean", "--if-exists")
        self._taken_at = self._tools.clock.now()
        async with dumping(self._tools, self._container.id, argv) as dump:
            saved = await keep(self._work, self._dataset, dump, filename=DUMP, end=_DUMP_END)
        return self._part(saved, "dump", DUMP)

    def _part(self, saved: Saved, form: str, filename: str) -> Part:
        return part_of(
            self._work,
            self._dataset,
            saved,
            form=form,
            filename=filename,
            taken_at=self._taken_at,
        )

    async def _watch(self, name: str) -> None:
        """Move the point in time on, as long as the backup's end is still to come."""
        query = (
            "select b.phase from pg_stat_progress_basebackup b join pg_stat_activity a using (pid)"
            f" where a.application_name = '{name}'"
        )
        with suppress(TabibError):  # older than 13: its beginning stands
            while True:
                now = self._tools.clock.now()
                phase = await ask(self._tools, self._container.id, query, timeout_s=10)
                if phase.startswith(_COPYING):
                    self._taken_at = now
                elif phase:
                    return
                await self._tools.clock.sleep(_POLL_S)


async def _same_version(work: Filling, part: Part, target: Place) -> None:
    """
    :raises CopyFailed: the service's image is of another major version.
    """
    image = work.spec.image
    found = await at_place(work.tools, image, target, "postgres --version", read_only=True)
    same_image(part.dataset, major(part.version), major(found.text.rpartition(") ")[2]))


async def _fill_tar(work: Filling, part: Part, target: Place) -> None:
    inner = part.dataset.inner
    await work.repository.unpack(
        part.stored, target, path=part.path, inner=inner, progress=work.progress
    )
    # The archive has no entry for its root, and a server starts in no other's folder.
    script = (
        'cd "$1" && owner=$(stat -c %u:%g PG_VERSION) && chmod 700 . && chown "$owner" .'
        ' && while [ "$PWD" != "$2" ]; do cd .. && chown "$owner" .; done'
    )
    folder = f"{AT}/{inner}" if inner else AT
    await must(
        work.tools, work.spec.image, target, script, folder, AT, attempted="prepare restored data"
    )


async def _fill_dump(work: Filling, part: Part, target: Place) -> None:
    kind = Postgres()
    tools = work.tools
    places = {part.dataset.target: target}
    async with booted(tools, work.spec, places, purpose="restore", ready=kind.ready) as container:
        argv = as_superuser("psql", "-qXf", "-", "-d", "postgres")
        chunks = work.repository.read(part.stored, part.path)
        ran = await load(tools, container, argv, chunks)
        wrong = [
            line
            for line in ran.stderr.splitlines()
            if re.search(r"(ERROR|FATAL|PANIC):  ", line)
            and not _THERE_ALREADY.search(line)
            and not _NOT_OURS.search(line)
        ]
        if ran.exit_code or wrong:
            told = Ran(exit_code=ran.exit_code, stdout=b"", stderr="\n".join(wrong) or ran.stderr)
            raise CopyFailed(
                failure(told, attempted="", target="").happened,
                attempted="load the dump into",
                target=part.dataset.name,
                advice="Another snapshot may load: tabib snapshots.",
            )
        await stop(tools, container)
