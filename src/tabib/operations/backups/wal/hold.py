"""Has a server keep the log that is yet to be received, while we are there to ask for it.

A temporary replication slot, in a session of our own in the server's container, moved on each
second to what the receiver has written down. The session ends with its input: when this daemon
dies, or lets go, the slot is gone at once, and the server's disk is as it was without us. Where the
receiver falls behind by more than :data:`MOST_BYTES`, the slot is given up: a hole in our log is
better than a database with a full disk.

The same session tells how far the receiver is: what the server had written a second ago and the
receiver has by now is out of the server's hands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from tabib.decide.backups.wal import position
from tabib.model.errors import TabibError
from tabib.operations.backups.kinds.postgres_sql import as_superuser
from tabib.operations.tools import Tools

MOST_BYTES = 1 << 30
EVERY_S = 1.0
_MARK = "tabib"
_MAKE = "select 1 from pg_create_physical_replication_slot('{name}', true, true);\n"
_MOVE = (
    "select 1 from (select pg_replication_slot_advance('{name}', r.flush_lsn) from"
    " pg_stat_replication r, pg_replication_slots s where r.application_name = 'pg_receivewal' and"
    " s.slot_name = '{name}' and r.flush_lsn > s.restart_lsn) moved;\n"
    "select 1 from (select pg_drop_replication_slot('{name}') from pg_replication_slots where"
    " slot_name = '{name}' and pg_current_wal_flush_lsn() - restart_lsn > {most}) dropped;\n"
)
# The least of them: another one's receiver has the same name.
_ASK = (
    f"select '{_MARK}', pg_current_wal_flush_lsn(), min(flush_lsn) from pg_stat_replication"
    " where application_name = 'pg_receivewal';\n"
)


async def hold(tools: Tools, container: str, caught_up: Callable[[datetime], None]) -> None:
    """Hold the server's log until cancelled, or its session ends. Where it has no slots to give,
    nothing is held: never an error. ``caught_up`` is told of each time for which it is known that
    what was acknowledged before it has been received."""
    name = "tabib_" + "".join(one for one in tools.new_id().lower() if one.isalnum())
    argv = as_superuser("psql", "-qXAt", "-d", "postgres")
    asked: deque[datetime] = deque()
    try:
        async with tools.engine.start_exec(
            container, argv, environment={"PGAPPNAME": "tabib"}, stdin=True
        ) as process:
            reading = asyncio.create_task(_read(process.output(), asked, caught_up))
            try:
                await process.write(_MAKE.format(name=name).encode())
                move = _MOVE.format(name=name, most=MOST_BYTES)
                while not reading.done():
                    asked.append(tools.clock.now())
                    await process.write((move + _ASK).encode())
                    await tools.clock.sleep(EVERY_S)
            finally:
                reading.cancel()
    except TabibError:
        return


async def _read(
    output: AsyncIterator[tuple[str, bytes]],
    asked: deque[datetime],
    caught_up: Callable[[datetime], None],
) -> None:
    rest = ""
    before: tuple[datetime, int] | None = None
    async for _, data in output:
        *lines, rest = (rest + data.decode(errors="replace")).split("\n")
        for line in lines:
            mark, _, said = line.strip().partition("|")
            if mark != _MARK or not asked:
                continue
            at = asked.popleft()
            written, _, received = said.partition("|")
            there, here = position(written), position(received)
            if here is not None and there is not None and here >= there:
                caught_up(at)
            elif here is not None and before is not None and here >= before[1]:
                caught_up(before[0])
            before = (at, there) if there is not None else None
