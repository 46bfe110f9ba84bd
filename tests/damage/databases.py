"""The four databases: how each is run, written to, read back, and where its files are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OLD = 20000
"""Rows that are there from the beginning, and that nobody writes to."""

_HEAD = """x-tabib:
  care: {care}
  backup: {{schedule: "", drill: {{schedule: ""}}{more}}}
services:
"""
_HEALTH = """    healthcheck:
      test: ["CMD-SHELL", "{test}"]
      interval: 2s
      timeout: 30s
      retries: 3
      start_period: 120s
"""
_APP = """  app:
    image: {image}
    init: true
    entrypoint: [sleep, "1000000"]
    tmpfs: [{target}]
    depends_on: {{db: {{condition: service_healthy}}}}
"""
SERVER = Path(__file__).parent / "server.py"
"""What serves the SQLite file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """``add``: a shell command of the client that makes row ``$n`` lasting, and succeeds only where
    it is. ``rows``: one that prints ``n words`` of each; ``old``: one that prints a digest of the
    old rows. ``fill``: makes both tables."""

    name: str
    image: str
    target: str
    service: str
    test: str
    add: str = ""
    loop: str = ""
    """In place of ``add``: makes row after row lasting, and prints the number and time of each."""
    rows: str
    old: str
    fill: str = ""
    checkpoint: str = ""
    room_mb: int
    """A disk on which it can run for a while."""
    barred: Callable[[Path], Path]
    """The file that it cannot do without."""
    table: Callable[[Path], Path]
    """The file with the old rows."""
    again: bool = False
    """It must start again to read its files: what it holds in memory is whole."""

    def compose(
        self, *, care: str = "act", point_in_time: bool = False, bind: Path | None = None
    ) -> str:
        more = ", point_in_time: true" if point_in_time else ""
        source = bind or "data"
        text = _HEAD.format(care=care, more=more) + self.service
        text += (
            f'    volumes: ["{source}:{self.target}"{_SERVED if self.name == "sqlite" else ""}]\n'
        )
        text += _HEALTH.format(test=self.test) + _APP.format(image=self.image, target=self.target)
        return text + ("" if bind else "volumes: {data: {}}\n")


_SERVED = ', "./server.py:/srv/server.py:ro"'
_PSQL = "PGPASSWORD=damage PGCONNECT_TIMEOUT=3 psql -h db -U postgres -qtA"
_MARIA = "MYSQL_PWD=damage mariadb -h db -uroot --connect-timeout=3 -N kept"
_REDIS = "redis-cli -h db"
_GET = (
    "python3 -c \"import sys,urllib.request as r;print(r.urlopen('http://db:8000/{}',"
    'timeout=20).read().decode())"'
)

# One process for all of them: starting Python for each would be most of the load.
_ADDING = """exec python3 -uc '
import http.client, itertools, time, urllib.request
for n in itertools.count(1):
    try:
        urllib.request.urlopen(f"http://db:8000/add/{n}", timeout=20).read()
        print(f"{n} {time.time()}")
    except (OSError, http.client.HTTPException):
        time.sleep(0.2)
    time.sleep(0.1)
'"""


def _newest(folder: Path, pattern: str) -> Path:
    """The largest file of that name."""
    found = sorted(folder.glob(pattern), key=lambda one: one.stat().st_size)
    assert found, f"no {pattern} in {folder}"
    return found[-1]


def _postgres_table(folder: Path) -> Path:
    """The largest relation of the largest number: the old rows."""
    of_users = [
        one
        for one in (folder / "base").glob("*/*")
        if one.name.isdigit() and int(one.name) >= 16384
    ]
    return max(of_users, key=lambda one: one.stat().st_size)


POSTGRES = Database(
    name="postgres",
    image="postgres:15",
    target="/var/lib/postgresql/data",
    # With so little memory of its own it reads its files again and again, as one with much data.
    service="""  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: damage, POSTGRES_INITDB_ARGS: --data-checksums}
    command: [postgres, -c, shared_buffers=1MB, -c, max_connections=20]
""",
    test="pg_isready -q -h 127.0.0.1 -U postgres",
    add=f"{_PSQL} -c \"insert into rows values ($n, 'w$n')\"",
    rows=f"{_PSQL} -F ' ' -c 'select n, words from rows order by n'",
    # By its index: a table file that ends early reads as a shorter table else, and says nothing.
    old=(
        f"{_PSQL} -c 'set enable_seqscan = off' -c 'set enable_bitmapscan = off'"
        " -c 'select count(*), sum(length(words)) from old where n > 0'"
    ),
    fill=(
        f"{_PSQL} -c 'create table rows (n bigint primary key, words text not null);"
        " create table old as select n, repeat(md5(n::text), 5) words"
        f" from generate_series(1, {OLD}) n; alter table old add primary key (n);"
        " checkpoint'"
    ),
    checkpoint=f"{_PSQL} -c checkpoint",
    room_mb=160,
    barred=lambda folder: folder / "global" / "pg_control",
    table=_postgres_table,
)
MARIADB = Database(
    name="mariadb",
    image="mariadb:10.11",
    target="/var/lib/mysql",
    service="""  db:
    image: mariadb:10.11
    environment: {MARIADB_ROOT_PASSWORD: damage, MARIADB_DATABASE: kept}
    command: [mariadbd, --innodb-log-file-size=16M, --innodb-buffer-pool-size=8M]
""",
    test="mariadb-admin --protocol=tcp -h 127.0.0.1 -uroot -pdamage ping --silent",
    add=f"{_MARIA} -e \"insert into rows_ values ($n, 'w$n')\"",
    rows=f"{_MARIA} -B -e 'select concat(n, char(32), words) from rows_ order by n'",
    old=f"{_MARIA} -B -e 'select count(*), sum(length(words)) from old'",
    fill=(
        f'{_MARIA} -e "create table rows_ (n bigint primary key, words text not null);'
        " create table old (n bigint primary key, words text not null);"
        f" insert into old select seq, repeat(md5(seq), 5) from seq_1_to_{OLD};"
        ' flush tables old for export; unlock tables"'
    ),
    checkpoint=(
        f"{_MARIA} -e 'set global innodb_max_dirty_pages_pct_lwm=0;"
        " set global innodb_max_dirty_pages_pct=0; flush tables'"
    ),
    room_mb=300,
    barred=lambda folder: folder / "ibdata1",
    table=lambda folder: folder / "kept" / "old.ibd",
    again=True,
)
REDIS = Database(
    name="redis",
    image="redis:7",
    target="/data",
    service="""  db:
    image: redis:7
    command: [redis-server, --appendonly, "yes"]
""",
    test="redis-cli ping | grep -q PONG",
    add=f'test "$({_REDIS} set row:$n w$n)" = OK',
    rows=(
        f"{_REDIS} eval \"local o={{}} for _,k in ipairs(redis.call('keys','row:*')) do"
        " o[#o+1]=string.sub(k,5)..' '..redis.call('get',k) end return o\" 0"
    ),
    old=(
        f"{_REDIS} eval \"local n,s=0,0 for _,k in ipairs(redis.call('keys','old:*')) do"
        " n=n+1 s=s+redis.call('strlen',k) end return n..' '..s\" 0"
    ),
    fill=(
        f"{_REDIS} eval \"for n=1,{OLD} do redis.call('set','old:'..n,"
        "redis.sha1hex(n)..redis.sha1hex(n+1)) end return 'OK'\" 0; "
        f"{_REDIS} bgrewriteaof; sleep 2"
    ),
    checkpoint=f"{_REDIS} bgrewriteaof",
    room_mb=24,
    barred=lambda folder: _newest(folder, "appendonlydir/*.manifest"),
    table=lambda folder: _newest(folder, "appendonlydir/*.base.*"),
    again=True,
)
SQLITE = Database(
    name="sqlite",
    image="python:3.11-slim",
    target="/data",
    # Without the rights of root over files, as a service that takes care.
    service=f"""  db:
    image: python:3.11-slim
    init: true
    cap_drop: [DAC_OVERRIDE, DAC_READ_SEARCH]
    environment: {{OLD: "{OLD}"}}
    command: [python3, /srv/server.py]
""",
    test="python3 -c \\\"import urllib.request as r;r.urlopen('http://127.0.0.1:8000/health')\\\"",
    loop=_ADDING,
    rows=_GET.format("rows"),
    old=_GET.format("old"),
    fill=_GET.format("fill"),
    checkpoint=_GET.format("checkpoint"),
    room_mb=16,
    barred=lambda folder: folder / "rows.db",
    table=lambda folder: folder / "rows.db",
)
DATABASES = {one.name: one for one in (POSTGRES, MARIADB, REDIS, SQLITE)}
