"""Counting and checking a MySQL or MariaDB server's data, and examining its files."""

from __future__ import annotations

import re

from tabib.model.backup import Dataset, Part, Place
from tabib.model.container import ContainerSpec
from tabib.model.errors import EngineTimeout, NotHealthy, TabibError
from tabib.operations.backups.kinds.counted import Counted, Seen, judge
from tabib.operations.backups.kinds.kind import Check, Examined
from tabib.operations.backups.kinds.mysql_sql import ADMIN, CHECK, DUMP, as_root, ask, client
from tabib.operations.backups.kinds.places import AT, at_place
from tabib.operations.backups.kinds.programs import failure, means_damage, run
from tabib.operations.backups.scratch import booted, stop
from tabib.operations.tools import Tools

MOST_TABLES = 1000
DIGESTED_BYTES = 256 * 1024**2
COUNTED_BYTES = 2 * 1024**3
COUNT_S = 90.0
"""For all of it: a backup does not wait longer for its record."""
CHECK_S = 6 * 3600.0

_TABLES = """
select table_schema, table_name, coalesce(data_length, 0), coalesce(table_rows, 0)
from information_schema.tables where table_type = 'BASE TABLE'
  and table_schema not in ('mysql', 'sys', 'information_schema', 'performance_schema')
order by 3
"""


async def answers(tools: Tools, container_id: str) -> bool:
    """By TCP: the server that initialises empty data has no network."""
    script = [*("--protocol=tcp", "--host=127.0.0.1", "--connect-timeout=5"), "ping", "--silent"]
    try:
        ran = await run(tools, container_id, as_root(ADMIN, *script), timeout_s=15)
    except TabibError:
        return False
    return ran.exit_code == 0 or "Access denied" in ran.stderr


async def count(tools: Tools, container_id: str) -> Counted:
    """All tables, within bounds of time and size.

    :raises Damaged: a table cannot be read for damage; says which.
    """
    counted = Counted()
    rows = [line.split("\t") for line in (await ask(tools, container_id, _TABLES)).splitlines()]
    if len(rows) > MOST_TABLES:
        counted.notes.append(f"{len(rows) - MOST_TABLES} tables not counted")
        rows = rows[:MOST_TABLES]
    script = ["set session max_statement_time = 10;"]
    asked: list[str] = []
    size = 0
    for schema, table, length, about in rows:
        size += int(length)
        name = f"{schema}.{table}"
        counted.tables[name] = Seen(rows=int(about), exact=False)
        if size > COUNTED_BYTES:
            continue
        quoted = f"`{schema.replace('`', '``')}`.`{table.replace('`', '``')}`"
        script.append(f"select 'rows', {len(asked)}, count(*) from {quoted};")
        if size <= DIGESTED_BYTES:
            script.append(f"select 'table', {len(asked)};")
            script.append(f"checksum table {quoted};")
        asked.append(name)
    try:
        lines = "\n".join(script)
        ran = await client(tools, container_id, lines, force=True, timeout_s=COUNT_S)
    except EngineTimeout:
        counted.notes.append("tables not counted, for time")
        return counted
    for line in ran.stderr.splitlines():
        if means_damage(line):
            raise failure(ran, attempted="count the tables of", target=container_id[:12])
    current = ""
    for line in ran.text.splitlines():
        word, *rest = line.split("\t")
        if word == "rows":
            counted.tables[asked[int(rest[0])]] = Seen(rows=int(rest[1]))
        elif word == "table":
            current = asked[int(rest[0])]
        elif current and rest and rest[0].isdigit():
            seen = counted.tables[current]
            counted.tables[current] = Seen(rows=seen.rows, exact=seen.exact, digest=rest[0])
            current = ""
    return counted


async def check(tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
    """See :meth:`~tabib.operations.backups.kinds.kind.Kind.check`."""
    checks = [await _check_tables(tools, container_id), await _full_read(tools, container_id)]
    try:
        checks += judge(part.record, await count(tools, container_id))
    except TabibError as error:
        checks.append(Check(name="tables", ok=False, text=error.happened))
    return tuple(checks)


async def _check_tables(tools: Tools, container_id: str) -> Check:
    name = "mariadb-check"
    try:
        argv = as_root(CHECK, "--all-databases", "--check", "--extended")
        ran = await run(tools, container_id, argv, timeout_s=CHECK_S)
    except TabibError as error:
        return Check(name=name, ok=False, text=error.happened)
    lines = ran.text.splitlines()
    wrong, table = [], ""
    for line in lines:
        word = re.match(r"(?i)(error|warning|note|info|status)\s*:\s*(.*)", line)
        if word is None:
            table = line.split()[0] if line.strip() else table
        elif word[1].lower() == "error":
            wrong.append(f"{table}: {word[2]}")
    if ran.exit_code or wrong:
        text = "; ".join((wrong or ran.stderr.splitlines())[:3])[:400]
        return Check(name=name, ok=False, text=text or "it said nothing")
    good = sum(line.rstrip().endswith("OK") for line in lines)
    return Check(name=name, ok=True, text=f"{good} tables are whole")


async def _full_read(tools: Tools, container_id: str) -> Check:
    """Every row of every table, as a dump reads them."""
    name = "mariadb-dump"
    try:
        argv = as_root(DUMP, "--single-transaction", "--all-databases", "--result-file=/dev/null")
        ran = await run(tools, container_id, argv, timeout_s=CHECK_S)
    except TabibError as error:
        return Check(name=name, ok=False, text=error.happened)
    if ran.exit_code:
        return Check(name=name, ok=False, text=failure(ran, attempted="", target="").happened)
    return Check(name=name, ok=True, text="every row could be read")


# ── files without their server ─────────────────────────────────────────────────────────────────

_LOOK = """
cd "$1" 2>/dev/null || { echo NONE; exit 0; }
[ -n "$(ls -A .)" ] || { echo EMPTY; exit 0; }
[ -e ibdata1 ] || { echo "GONE ibdata1"; exit 0; }
[ -d mysql ] || { echo "GONE mysql/"; exit 0; }
owner=$(id -u mysql 2>/dev/null || stat -c %u ibdata1)
chown -R "$owner" . && chmod -R u+rwX .
rm -f ./*.pid ./*.sock
echo FILES
"""
_PAGES = """
cd "$1" && command -v innochecksum >/dev/null || exit 0
find . -name '*.ibd' | while read -r one; do
    innochecksum "$one" >/dev/null 2>/tmp/said || { echo "BAD $one $(tail -n 1 /tmp/said)"; }
done
"""
"""Not of ``ibdata1``: its double-write buffer holds pages that are none."""
_OF_START = re.compile(
    r"page corruption|log sequence number .{0,60}(?:is|was) in the future"
    r"|ib_logfile0 was not found|not a valid aria control file|Missing FILE_CHECKPOINT"
    r"|Invalid log (?:header|block) checksum|Corrupted|corrupted|corruption|Plugin 'Aria' .*failed"
    r"|Cannot find (?:the )?(?:checkpoint|redo)|No valid checkpoint"
    r"|log file .{0,80} is of different"
    r"|Table '?\.?/?mysql[/.]\w+'? .{0,40}doesn't exist|Can't open and lock privilege tables"
    r"|is truncated|The size of .{0,60} is not|Operating system error number 5\b|Checksum mismatch"
    r"|Got error '?1?(?:26|27|34|44|75|76)|File .{0,80}ibdata1.{0,20} is of a different size"
    r"|InnoDB: (?:Invalid|Unable to read|Header page|Cannot read first page)"
    r"|Tablespace .{0,120} not found"
    r"|aria_log\S* .{0,60}(?:not found|wrong|bad|invalid)",
    re.IGNORECASE,
)
_MERELY_DOWN = re.compile(
    r"must be writable|Permission denied|Operating system error number (?:13|28|17)\b|No space left"
    r"|Unable to lock|already in use|unsupported (?:redo )?log format|from a newer version"
    r"|unknown (?:variable|option)|Cannot allocate memory|Upgrade after a crash is not supported",
    re.IGNORECASE,
)


async def examine(tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
    """See :meth:`~tabib.operations.backups.kinds.kind.Kind.examine`."""
    inner = f"/{dataset.inner}" if dataset.inner else ""
    looked = await at_place(tools, image, place, _LOOK, AT + inner, purpose="examine")
    words = looked.text.split() or ["NONE"]
    if words[0] in ("NONE", "EMPTY"):
        return Examined(sound=False, text="there are no files of a database in it")
    if words[0] == "GONE":
        return Examined(sound=False, text=f"its {words[1]} is gone")
    booting = await _booted(tools, place, dataset, image)
    if booting.sound is None:
        return booting
    # After recovery: pages that the log mends are no damage.
    pages = await at_place(tools, image, place, _PAGES, AT + inner, purpose="examine")
    bad = [line[4:] for line in pages.text.splitlines() if line.startswith("BAD ")]
    if bad and booting.sound:
        return Examined(sound=False, text=f"innochecksum: {'; '.join(bad[:3])}"[:400])
    return booting


async def _booted(tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
    spec = ContainerSpec(
        name="examine",
        project="",
        service_name=dataset.service,
        slot=1,
        image=image,
        service={
            "command": [_server(image), "--skip-grant-tables", "--skip-networking=0"],
            "environment": {"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "1"},
        },
    )
    target = dataset.target or "/var/lib/mysql"
    try:
        async with booted(
            tools, spec, {target: place}, purpose="examine", ready=answers, timeout_s=900
        ) as container:
            checks = [await _check_tables(tools, container), await _full_read(tools, container)]
            await stop(tools, container)  # so that no page is only half written
    except NotHealthy as error:
        return _of_lines([str(line) for line in error.details.get("log_tail") or ()])
    except TabibError as error:
        return Examined(sound=None, text=f"it could not be looked at: {error.happened}")
    wrong = [one for one in checks if not one.ok]
    if not wrong:
        return Examined(sound=True, text="; ".join(f"{one.name}: {one.text}" for one in checks))
    text = "; ".join(f"{one.name}: {one.text}" for one in wrong)
    damage = any(means_damage(one.text) or _OF_START.search(one.text) for one in wrong)
    return Examined(sound=False if damage else None, text=text[:500])


def _server(image: str) -> str:
    return "mariadbd" if "mariadb" in image else "mysqld"


def _of_lines(lines: list[str]) -> Examined:
    down = next((line for line in lines if _MERELY_DOWN.search(line)), "")
    if not down:
        for line in lines:
            if _OF_START.search(line):
                return Examined(sound=False, text=f"it does not start: {line.strip()[:300]}")
    told = down or " | ".join(line.strip() for line in lines[-3:]) or "it said nothing"
    return Examined(sound=None, text=f"it does not start, and names no damage: {told[:300]}")
