"""Counting and checking a PostgreSQL server's data, and examining its files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tabib.model.backup import Dataset, Part, Place
from tabib.model.container import ContainerSpec
from tabib.model.errors import Damaged, EngineTimeout, NotHealthy, TabibError
from tabib.operations.backups.kinds.counted import Counted, Seen, compare, judge
from tabib.operations.backups.kinds.kind import Check, Examined
from tabib.operations.backups.kinds.places import AT, at_place
from tabib.operations.backups.kinds.postgres_sql import as_superuser, ask, psql
from tabib.operations.backups.kinds.programs import Ran, failure, means_damage, run
from tabib.operations.backups.scratch import booted
from tabib.operations.tools import Tools

__all__ = ["check", "compare", "count", "examine"]

MOST_TABLES = 1000
DIGESTED_BYTES = 256 * 1024**2
"""So much is read whole for digests, smallest tables first."""
COUNTED_BYTES = 4 * 1024**3
STATEMENT_S = 10.0
COUNT_S = 90.0
"""For all of it: a backup does not wait longer for its record."""
CHECK_S = 6 * 3600.0

_DATABASES = "select datname from pg_database where datallowconn and not datistemplate order by 1"
_TABLES = """
select c.oid::regclass, n.nspname || '.' || c.relname, pg_relation_size(c.oid),
       greatest(c.reltuples, 0)::bigint, coalesce(s.n_tup_ins, 0), coalesce(s.n_tup_del, 0)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_stat_user_tables s on s.relid = c.oid
where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_|^information_schema$'
order by 3
"""
_DIGEST = "coalesce(sum(('x'||substr(md5(tabib_row::text),1,15))::bit(60)::bigint),0)"
_LINE = re.compile(r"psql:<stdin>:(\d+): (?:ERROR|FATAL|PANIC): +(.*)")


@dataclass(frozen=True, slots=True)
class _Table:
    sql: str
    name: str
    size: int
    about: int
    inserted: int
    deleted: int


async def count(tools: Tools, container_id: str, target: str) -> Counted:
    """All tables, within bounds of time and size.

    :raises Damaged: a table cannot be read for damage; says which.
    """
    counted, budget = Counted(), _Budget()
    until = tools.clock.monotonic() + COUNT_S
    for database in (await ask(tools, container_id, _DATABASES)).splitlines():
        left_s = until - tools.clock.monotonic()
        if left_s < 1:
            counted.notes.append(f"tables of {database} not counted, for time")
            continue
        await _count_in(tools, container_id, database, counted, target, budget, left_s)
    return counted


@dataclass(slots=True)
class _Budget:
    """How much may still be read, over all databases."""

    digested: int = DIGESTED_BYTES
    counted: int = COUNTED_BYTES


async def _count_in(
    tools: Tools,
    container_id: str,
    database: str,
    counted: Counted,
    target: str,
    budget: _Budget,
    left_s: float,
) -> None:
    answer = await ask(tools, container_id, "set search_path='';" + _TABLES, database=database)
    tables = [_table(line) for line in answer.splitlines() if line.count("|") >= 5]
    if len(tables) > MOST_TABLES:
        counted.notes.append(f"{len(tables) - MOST_TABLES} tables of {database} not counted")
        tables = tables[:MOST_TABLES]
    script = ["set search_path='';"]
    asked: list[_Table] = []
    for one in tables:
        counted.tables[f"{database}.{one.name}"] = Seen(rows=one.about, exact=False)
        budget.counted -= one.size
        if budget.counted < 0:
            continue
        budget.digested -= one.size
        digest = _DIGEST if budget.digested >= 0 else "''"
        number = len(script)
        script.append(f"select {number}, count(*), {digest} from {one.sql} tabib_row;")
        asked.append(one)
    if not asked:
        return
    try:
        ran = await psql(
            tools,
            container_id,
            "\n".join(script),
            database=database,
            timeout_s=left_s,
            statement_s=STATEMENT_S,
        )
    except EngineTimeout:
        counted.notes.append(f"tables of {database} not counted, for time")
        return
    _read_answers(ran, database, asked, counted, target)


def _table(line: str) -> _Table:
    sql, name, size, about, inserted, deleted = line.rsplit("|", 5)
    return _Table(sql, name, int(size), int(about), int(inserted), int(deleted))


def _read_answers(
    ran: Ran, database: str, asked: list[_Table], counted: Counted, target: str
) -> None:
    for line in ran.stderr.splitlines():
        met = _LINE.match(line)
        if met and 2 <= int(met[1]) <= len(asked) + 1:
            one = asked[int(met[1]) - 2]
            if means_damage(met[2]):
                raise Damaged(
                    f"table {one.name} of database {database} cannot be read: {met[2]}",
                    attempted="back up",
                    target=target,
                    advice="The last good snapshot has it: tabib restore.",
                    details={"database": database, "table": one.name},
                )
    for line in ran.text.splitlines():
        number, _, rest = line.partition("|")
        rows, _, digest = rest.partition("|")
        if number.isdigit() and rows.isdigit():
            one = asked[int(number) - 1]
            counted.tables[f"{database}.{one.name}"] = Seen(
                rows=int(rows), digest=digest, inserted=one.inserted, deleted=one.deleted
            )


async def check(tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
    """See :meth:`~tabib.operations.backups.kinds.kind.Kind.check`."""
    checks = await _own_checks(tools, container_id)
    try:
        checks += judge(part.record, await count(tools, container_id, part.dataset.name))
    except TabibError as error:
        checks.append(Check(name="tables", ok=False, text=error.happened))
    return tuple(one for one in checks if one.text)


async def _own_checks(tools: Tools, container_id: str) -> list[Check]:
    return [
        await _full_read(tools, container_id),
        await _amcheck(tools, container_id),
        await _walk(tools, container_id),
    ]


async def _full_read(tools: Tools, container_id: str) -> Check:
    """Every row of every table, as a dump reads them; ping and queries stay green long after."""
    name = "pg_dumpall"
    try:
        argv = as_superuser("sh", "-c", "pg_dumpall >/dev/null")
        ran = await run(tools, container_id, argv, timeout_s=CHECK_S)
    except TabibError as error:
        return Check(name=name, ok=False, text=error.happened)
    if ran.exit_code:
        text = failure(ran, attempted="", target="").happened
        return Check(name=name, ok=False, text=text)
    return Check(name=name, ok=True, text="every row could be read")


_AMCHECK = """
begin;
create extension if not exists amcheck;
select format('index %s', c.oid::regclass), bt_index_check(c.oid)
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
where a.amname = 'btree' and c.relpersistence <> 't' and i.indisready and i.indisvalid;
rollback;
"""
"""Rolled back, so that the extension is left nowhere."""
_HEAP = """
begin;
create extension if not exists amcheck;
select v.* from pg_class c, lateral (
  select format('%s block %s: %s', c.oid::regclass, blkno, msg) from verify_heapam(c.oid)) v
where c.relkind in ('r', 'm') and c.relpersistence <> 't' limit 5;
rollback;
"""


async def _amcheck(tools: Tools, container_id: str) -> Check:
    name, seen = "amcheck", 0
    try:
        there = await ask(
            tools, container_id, "select 1 from pg_available_extensions where name = 'amcheck'"
        )
        if there != "1":
            return Check(name=name, ok=True, text="the image does not have it")
        heap = int(await ask(tools, container_id, "show server_version_num")) >= 140000
        for database in (await ask(tools, container_id, _DATABASES)).splitlines():
            answer = await ask(tools, container_id, _AMCHECK, database=database, timeout_s=CHECK_S)
            seen += sum(line.startswith("index ") for line in answer.splitlines())
            if heap:
                wrong = await ask(tools, container_id, _HEAP, database=database, timeout_s=CHECK_S)
                if wrong:
                    return Check(name=name, ok=False, text=f"in {database}: {wrong[:300]}")
    except TabibError as error:
        return Check(name=name, ok=False, text=error.happened)
    return Check(name=name, ok=True, text=f"{seen} indexes and all tables are whole")


_KEYS = """
select format('select count(r::text) from (select t as r from %s t order by %s) s',
  i.indrelid::regclass, (select string_agg(quote_ident(a.attname), ',' order by k.n)
    from unnest(i.indkey::int2[]) with ordinality k(num, n)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num))
from pg_index i join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where i.indisprimary and i.indisvalid and n.nspname !~ '^pg_|^information_schema$'
  and c.relkind = 'r' and pg_relation_size(c.oid) < {limit}
"""
_BY_INDEX = "set enable_seqscan=off; set enable_bitmapscan=off; set enable_sort=off;"
WALKED_BYTES = 1024**3


async def _walk(tools: Tools, container_id: str) -> Check:
    """Every row that a primary key knows of: those that a table's cut-off end held are missed by
    nothing else."""
    name, walked = "primary keys", 0
    try:
        for database in (await ask(tools, container_id, _DATABASES)).splitlines():
            keys = _KEYS.replace("{limit}", str(WALKED_BYTES))
            queries = (await ask(tools, container_id, keys, database=database)).splitlines()
            if queries:
                script = ";\n".join([_BY_INDEX, *queries])
                await ask(tools, container_id, script, database=database, timeout_s=CHECK_S)
            walked += len(queries)
    except TabibError as error:
        return Check(name=name, ok=False, text=error.happened)
    return Check(name=name, ok=True, text=f"{walked} tables have every row that theirs names")


# ── files without their server ─────────────────────────────────────────────────────────────────

_LOOK = """
cd "$1" 2>/dev/null || { echo NONE; exit 0; }
[ -n "$(ls -A .)" ] || { echo EMPTY; exit 0; }
[ -s PG_VERSION ] || { echo "NO_VERSION"; exit 0; }
echo "VERSION $(cat PG_VERSION)"; echo "IMAGE $(postgres --version)"
rm -f postmaster.pid
owner=$(id -u postgres 2>/dev/null || stat -c %u PG_VERSION)
chown -R "$owner" . && chmod -R u+rwX . && chmod 700 .
echo "OWNER $owner"
{ echo "local all all trust"; cat pg_hba.conf 2>/dev/null; } >pg_hba.new
mv pg_hba.new pg_hba.conf
chown "$owner" pg_hba.conf
pg_controldata -D . 2>&1
"""
_SINGLE = """
echo "select rolname from pg_authid where oid = 10" |
    postgres --single -D "$1" -c log_min_messages=log template1
"""
"""A server for one query, which replays the log first: nobody else knows its superuser's name."""
_OF_START = re.compile(
    r"could not locate a valid checkpoint record|could not find redo location"
    r"|invalid (?:primary |secondary )?checkpoint record|incorrect checksum in control file"
    r"|calculated CRC checksum does not match|could not find the database system"
    r"|PG_CONTROL_VERSION 0\b|could not read file \"global/pg_control\""
    r"|is not a valid data directory"
    r"|relation mapping file .{0,80}contains (?:invalid data|incorrect checksum)"
    r"|could not (?:open|read|access) (?:file|directory) \"(?:global|base|pg_\w+)/?[^\"]*\""
    r"|invalid magic number|unexpected pageaddr|WAL ends before end of online backup"
    r"|contains (?:invalid|corrupt)|could not access status of transaction|invalid page in block"
    r"|cache lookup failed|catalog is missing|could not open relation|is not a valid B?-?tree",
    re.IGNORECASE,
)
_MERELY_DOWN = re.compile(
    r"Permission denied|No space left|initialized by PostgreSQL version"
    r"|lock file \"postmaster.pid\""
    r"|could not create shared memory|out of memory"
    r"|could not access file \"[\w$/.-]+\": No such file"
    r"|unrecognized configuration parameter|contains errors|Read-only file system",
    re.IGNORECASE,
)


async def examine(tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
    """See :meth:`~tabib.operations.backups.kinds.kind.Kind.examine`."""
    inner = f"/{dataset.inner}" if dataset.inner else ""
    looked = await at_place(tools, image, place, _LOOK, AT + inner, purpose="examine")
    first = looked.text.partition("\n")[0]
    if first in ("NONE", "EMPTY"):
        return Examined(sound=False, text="there are no files of a database in it")
    if first == "NO_VERSION":
        return Examined(sound=False, text="its file PG_VERSION is gone or empty")
    told = looked.text.splitlines()
    version = first.removeprefix("VERSION ").strip()
    program = next((one for one in told if one.startswith("IMAGE ")), "")
    found = re.search(r"\) (\d+(?:\.\d+)?)", program)
    if not re.fullmatch(r"\d+(\.\d+)?", version):
        return Examined(sound=False, text="its file PG_VERSION is not readable text")
    if found and found[1].split(".")[0] != version.split(".")[0]:
        text = f"its files are of PostgreSQL {version}, and the image is {found[1]}"
        return Examined(sound=None, text=text)
    if "CRC" in looked.text and "does not match" in looked.text:
        return Examined(sound=False, text="pg_controldata: the control file's checksum is wrong")
    owner = next((one.split()[1] for one in told if one.startswith("OWNER ")), "0")
    asked = await at_place(tools, image, place, _SINGLE, AT + inner, purpose="examine", user=owner)
    superuser = re.search(r'rolname = "([^"]+)"', asked.text)
    if superuser is None:
        return _of_lines((asked.stderr + asked.text).splitlines())
    return await _booted(tools, place, dataset, image, inner, superuser[1])


async def _booted(
    tools: Tools, place: Place, dataset: Dataset, image: str, inner: str, superuser: str
) -> Examined:
    target = dataset.target or "/var/lib/postgresql/data"
    environment = {"PGDATA": target + inner, "POSTGRES_USER": superuser}
    spec = ContainerSpec(
        name="examine",
        project="",
        service_name=dataset.service,
        slot=1,
        image=image,
        service={"environment": environment},
    )
    try:
        async with booted(
            tools, spec, {target: place}, purpose="examine", ready=answers, timeout_s=900
        ) as container:
            checks = await _own_checks(tools, container)
    except NotHealthy as error:
        return _of_start(error)
    except TabibError as error:
        return Examined(sound=None, text=f"it could not be looked at: {error.happened}")
    wrong = [one for one in checks if not one.ok]
    if not wrong:
        return Examined(sound=True, text="; ".join(f"{c.name}: {c.text}" for c in checks))
    text = "; ".join(f"{one.name}: {one.text}" for one in wrong)
    damage = any(means_damage(c.text) or _OF_START.search(c.text) for c in wrong)
    return Examined(sound=False if damage or wrong[0].name == "amcheck" else None, text=text)


def _of_start(error: NotHealthy) -> Examined:
    """Read what it said when it did not start: damage, or merely down."""
    return _of_lines([str(line) for line in error.details.get("log_tail") or ()])


def _of_lines(lines: list[str]) -> Examined:
    for line in lines:
        if _OF_START.search(line) and not _MERELY_DOWN.search(line):
            return Examined(sound=False, text=f"it does not start: {line.strip()[:300]}")
    told = " | ".join(line.strip() for line in lines[-3:])[:300] or "it said nothing"
    return Examined(sound=None, text=f"it does not start, and names no damage: {told}")


async def answers(tools: Tools, container_id: str) -> bool:
    """By TCP: the server that initialises empty data listens on the socket alone."""
    try:
        argv = as_superuser("pg_isready", "-q", "-h", "127.0.0.1")
        return (await run(tools, container_id, argv, timeout_s=10)).exit_code == 0
    except TabibError:
        return False
