"""MySQL and MariaDB: a logical dump in one transaction, loaded again into a new server.

The dump's point in time is the beginning of its transaction, moments after its program started.
Tables of engines without transactions (MyISAM, Aria) are copied as they are met; that is warned of.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

from tabib.model.backup import Dataset, Part, Place
from tabib.model.errors import Conflict, CopyFailed, TabibError
from tabib.operations.backups.kinds import files, mysql_record
from tabib.operations.backups.kinds.counted import compare
from tabib.operations.backups.kinds.kind import Check, Copying, Examined, Filling
from tabib.operations.backups.kinds.mysql_sql import ADVICE, CLIENT, DUMP, as_root, ask, refusal
from tabib.operations.backups.kinds.places import same_image
from tabib.operations.backups.kinds.programs import dumping, load, run
from tabib.operations.backups.kinds.storing import keep, part_of
from tabib.operations.backups.scratch import booted, stop
from tabib.operations.tools import Tools

FILE = "dump.sql"
_OPTIONS = (
    *("--single-transaction", "--quick", "--routines", "--events", "--triggers", "--hex-blob"),
    *("--all-databases", "--default-character-set=utf8mb4"),
)
_END = b"-- Dump completed"
_WITHOUT_TRANSACTIONS = """
select concat(table_schema, '.', table_name) from information_schema.tables
where table_type = 'BASE TABLE' and engine not in ('InnoDB', 'ROCKSDB', 'MEMORY')
  and table_schema not in ('mysql', 'sys', 'information_schema', 'performance_schema')
"""


class MySql:
    """See :class:`~tabib.operations.backups.kinds.kind.Kind`."""

    async def save(self, work: Copying, dataset: Dataset) -> Part:
        if files.preferred(work, dataset):
            return await files.save(work, dataset)
        try:
            return await _save(work, dataset)
        except Conflict as error:
            raise files.not_running(error, attempted="back up", target=dataset.name) from error

    async def fill(self, work: Filling, part: Part, target: Place) -> None:
        if part.form == "files":
            await files.fill(work, part, target)
            return
        tools = work.tools
        places = {part.dataset.target: target}
        async with booted(
            tools, work.spec, places, purpose="restore", ready=self.ready
        ) as container:
            same_image(part.dataset, major(part.version), major(await version(tools, container)))
            argv = as_root(CLIENT)
            ran = await load(tools, container, argv, work.repository.read(part.stored, part.path))
            if ran.exit_code:
                raise CopyFailed(
                    str(refusal(ran, attempted="", target="").args[0]),
                    attempted="load the dump into",
                    target=part.dataset.name,
                    advice="Another snapshot may load: tabib snapshots.",
                )
            await ask(tools, container, "flush privileges")
            await stop(tools, container)

    async def ready(self, tools: Tools, container_id: str) -> bool:
        return await mysql_record.answers(tools, container_id)

    async def check(self, tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
        return await mysql_record.check(tools, container_id, part)

    async def examine(self, tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
        return await mysql_record.examine(tools, place, dataset, image)

    async def identity(self, tools: Tools, container_id: str, dataset: Dataset) -> str:
        with suppress(TabibError):
            return await _identity(tools, container_id)
        return ""


def major(text: str) -> str:
    """``10.11`` of ``10.11.18-MariaDB``, ``8`` of ``8.4.2``: what a dump of fits into."""
    numbers = re.findall(r"\d+", text)
    if not numbers:
        return ""
    return ".".join(numbers[:2]) if "mariadb" in text.lower() else numbers[0]


async def version(tools: Tools, container_id: str) -> str:
    """As ``10.11.18-MariaDB`` or ``8.4.2``."""
    text = await ask(tools, container_id, "select version()")
    return re.sub(r"(-MariaDB).*", r"\1", text)


async def _identity(tools: Tools, container_id: str) -> str:
    """MySQL's server uuid; MariaDB has none, but its Aria log has an id of when it was made."""
    with suppress(TabibError):
        return await ask(tools, container_id, "select @@server_uuid")
    folder = await ask(tools, container_id, "select @@datadir")
    script = 'od -An -v -tx1 -j4 -N16 "$1/aria_log_control" | tr -d " \\n"'
    ran = await run(tools, container_id, ["sh", "-c", script, "sh", folder.rstrip("/")])
    return ran.text.strip() if ran.exit_code == 0 else ""


async def _save(work: Copying, dataset: Dataset) -> Part:
    tools, container = work.tools, work.container
    assert container is not None
    found = await version(tools, container.id)
    identity = await _identity(tools, container.id)
    loose = (await ask(tools, container.id, _WITHOUT_TRANSACTIONS)).split()
    before = await mysql_record.count(tools, container.id)
    argv = as_root(DUMP, *_OPTIONS)
    taken_at = tools.clock.now()
    async with dumping(tools, container.id, argv) as dump:
        saved = await keep(work, dataset, dump, filename=FILE, end=_END, advice=ADVICE)
    part = part_of(work, dataset, saved, form="dump", filename=FILE, taken_at=taken_at)
    after = await mysql_record.count(tools, container.id)
    warnings: tuple[str, ...] = ()
    if loose:
        warnings = (
            f"{len(loose)} tables have no transactions and were copied at another moment:"
            f" {', '.join(loose[:5])}",
        )
    return replace(
        part,
        version=found,
        identity=identity,
        record=compare(before, after),
        warnings=warnings,
    )
