"""What databases say of damage, and what those say that are merely down: the second never counts."""
# ruff: noqa: E501

from __future__ import annotations

import pytest
from tests.decide.test_diagnose import NOW, case

from tabib.decide.backups.signs import damage_in
from tabib.decide.backups.witness import merely_down
from tabib.decide.diagnose import diagnose
from tabib.model.incident import Case, DataState
from tabib.model.kept_log import LogPattern

DAMAGE = [
    "LOG:  database system was interrupted\nPANIC:  could not locate a valid checkpoint record\nLOG:  startup process (PID 27) was terminated by signal 6: Aborted",
    "PANIC:  could not locate a valid checkpoint record at 0/1A2B3C8",
    "FATAL:  could not locate required checkpoint record",
    "FATAL:  could not find redo location 0/15D8F30 referenced by checkpoint record at 0/15D8F68",
    "ERROR:  invalid page in block 0 of relation base/5/16384",
    "WARNING:  page verification failed, calculated checksum 1234 but expected 4567\nERROR:  invalid page in block 12 of relation base/16384/2619",
    "FATAL:  incorrect checksum in control file",
    "PANIC:  control file contains invalid checkpoint location",
    'FATAL:  could not open file "global/pg_filenode.map": No such file or directory',
    'FATAL:  could not open file "base/5/1259": No such file or directory',
    'FATAL:  "base/5" is not a valid data directory\nDETAIL:  File "base/5/PG_VERSION" is missing.',
    'PANIC:  could not open file "global/pg_control": No such file or directory',
    'postgres: could not find the database system\nExpected to find it in the directory "/var/lib/postgresql/data",\nbut could not open file "/var/lib/postgresql/data/global/pg_control": No such file or directory',
    "FATAL:  database files are incompatible with server\nDETAIL:  The database cluster was initialized with PG_CONTROL_VERSION 0, but the server was compiled with PG_CONTROL_VERSION 1300.",
    'ERROR:  could not read block 3 in file "base/16384/16397": read only 0 of 8192 bytes',
    'FATAL:  could not access status of transaction 0\nDETAIL:  Could not open file "pg_xact/0000": No such file or directory.',
    "ERROR:  missing chunk number 0 for toast value 16444 in pg_toast_2619",
    "ERROR:  compressed pglz data is corrupt",
    "PANIC:  WAL contains references to invalid pages",
    'FATAL:  relation mapping file "global/pg_filenode.map" contains invalid data',
    'FATAL:  relation mapping file "global/pg_filenode.map" contains incorrect checksum',
    'FATAL:  could not read file "global/pg_control": read 0 of 296',
    'PANIC:  could not read file "global/pg_control": read 0 of 296',
    "ERROR:  found xmin 1234 from before relfrozenxid 5678",
    "2024-01-01 12:00:00 0 [ERROR] InnoDB: Database page corruption on disk or a failed file read of tablespace test/t1 page [page id: space=5, page number=3]. You may have to recover from a backup.",
    "2024-01-01 12:00:00 0 [ERROR] InnoDB: Page [page id: space=0, page number=5] log sequence number 1234567 is in the future! Current system log sequence number 123.",
    "2024-01-01 12:00:00 0 [ERROR] InnoDB: File ./ib_logfile0 was not found\n2024-01-01 12:00:00 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error",
    "[ERROR] mariadbd: Got error 'Size of control file is smaller than expected' when trying to use aria control file '/var/lib/mysql/aria_log_control'",
    "[ERROR] mariadbd: File '/var/lib/mysql/aria_log_control' is not a valid aria control file\n[ERROR] Plugin 'Aria' registration as a STORAGE ENGINE failed.",
    "[ERROR] mariadbd: Aria recovery failed. Please run aria_chk -r on all Aria tables",
    "[ERROR] InnoDB: Missing FILE_CHECKPOINT(1234) at 5678",
    "[ERROR] InnoDB: Missing FILE_CREATE, FILE_DELETE or FILE_MODIFY before FILE_CHECKPOINT for tablespace 5",
    "[ERROR] InnoDB: Header page consists of zero bytes in datafile: ./ibdata1, Space ID:0, Flags: 0",
    "[ERROR] InnoDB: Corrupted page [page id: space=0, page number=0] of datafile ./ibdata1 could not be found in the doublewrite buffer.",
    "1:M # Wrong RDB checksum expected: (123) but got (456). Aborting now.",
    "1:M # Internal error in RDB reading offset 0, function at rdb.c:2010 -> Unexpected EOF reading RDB file\n1:M # Terminating server after rdb file reading failure.",
    "1:M # Short read or OOM loading DB. Unrecoverable error, aborting now.",
    "1:M # Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>",
    "1:M # Wrong signature trying to load DB from file",
    "1:M # AOF base file appendonly.aof.1.base.rdb doesn't exist",
    "1:M # The AOF file appendonly.aof.1.incr.aof doesn't exist",
    '{"t":{"$date":"2024-01-01T00:00:00Z"},"s":"E","c":"WT","id":22435,"ctx":"initandlisten","msg":"WiredTiger error message","attr":{"error":-31804,"message":"__wt_panic: the process must exit and restart: WT_PANIC: WiredTiger library panic"}}',
    '{"s":"E","c":"WT","msg":"WiredTiger error","attr":{"error":-31802,"message":"read checksum error for 4096B block at offset 8192: calculated block checksum doesn\'t match expected checksum"}}',
    "sqlite3.DatabaseError: database disk image is malformed",
    "sqlite3.DatabaseError: file is not a database",
    "SQLITE_CORRUPT: database disk image is malformed",
]
MERELY_DOWN = [
    "[ERROR] InnoDB: The innodb_system data file ibdata1 must be writable",
    'FATAL:  data directory "/var/lib/postgresql/data" has wrong ownership\nHINT:  The server must be started by the user that owns the data directory.',
    'FATAL:  data directory "/var/lib/postgresql/data" has invalid permissions\nDETAIL:  Permissions should be u=rwx (0700) or u=rwx,g=rx (0750).',
    'FATAL:  could not open file "global/pg_control": Permission denied',
    'PANIC:  could not open file "global/pg_control": Permission denied',
    'FATAL:  could not write to file "pg_wal/xlogtemp.29": No space left on device',
    'PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device',
    'FATAL:  lock file "postmaster.pid" already exists',
    'FATAL:  could not create lock file "postmaster.pid": No space left on device',
    "FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by PostgreSQL version 14, which is not compatible with this version 15.4.",
    "FATAL:  could not map anonymous shared memory: Cannot allocate memory",
    "[ERROR] InnoDB: The innodb_system data file 'ibdata1' must be writable\n[ERROR] InnoDB: Plugin initialization aborted with error Generic error",
    "[ERROR] InnoDB: Operating system error number 13 in a file operation.\n[ERROR] InnoDB: The error means mariadbd does not have the access rights to the directory.",
    "[ERROR] InnoDB: Unable to lock ./ibdata1 error: 11\n[ERROR] InnoDB: Plugin initialization aborted",
    "[ERROR] InnoDB: Cannot allocate memory for the buffer pool\n[ERROR] InnoDB: Plugin initialization aborted with error Generic error",
    "1:M # Can't handle RDB format version 12\n1:M # Fatal error loading the DB, check server logs. Exiting.",
    "1:M # Fatal error loading the DB: Permission denied. Exiting.",
    "1:M # Fatal: Can't open the append-only file: Permission denied",
    "1:M # Can't open or create append-only dir appendonlydir: Permission denied",
    '{"s":"E","c":"STORAGE","msg":"DBException in initAndListen, terminating","attr":{"error":"Location28596: Unable to determine status of lock file in the data directory /data/db: boost::filesystem::status: Permission denied [system:13]: \\"/data/db/mongod.lock\\""}}',
    '{"s":"W","c":"STORAGE","msg":"Detected unclean shutdown - Lock file is not empty"}',
    "sqlite3.OperationalError: database is locked",
    "sqlite3.OperationalError: unable to open database file",
    "sqlite3.OperationalError: database or disk is full",
]
FAILING_DISK = [
    'ERROR:  could not read block 3 in file "base/16384/16397": Input/output error',
    'PANIC:  could not fsync file "pg_wal/000000010000000000000001": Input/output error',
    "[ERROR] InnoDB: Operating system error number 5 in a file operation.\n[ERROR] InnoDB: Error number 5 means 'Input/output error'",
]


def died(text: str) -> Case:
    return case(log_tail=tuple(text.split("\n")))


@pytest.mark.parametrize("text", DAMAGE)
def test_damage(text: str) -> None:
    causes = diagnose(died(text))[1]
    assert causes[0].code == "database.corrupt", causes
    assert not merely_down(died(text), causes)


@pytest.mark.parametrize("text", MERELY_DOWN)
def test_merely_down(text: str) -> None:
    causes = diagnose(died(text))[1]
    assert not causes or causes[0].code != "database.corrupt", causes


@pytest.mark.parametrize("text", FAILING_DISK)
def test_a_failing_disk_is_told_apart(text: str) -> None:
    assert diagnose(died(text))[1][0].code == "storage.io-error"


def state(verdict: str, text: str = "volume data") -> DataState:
    return DataState(dataset="data", kind="postgres", verdict=verdict, text=text, engine="x")


@pytest.mark.parametrize(
    ("verdict", "trigger", "code"),
    [
        ("lost", "data", "storage.volume-lost"),
        ("lost", "start_failed", "storage.volume-lost"),
        ("emptied", "data", "storage.volume-emptied"),
        ("emptied", "died", "storage.volume-emptied"),
        ("replaced", "data", "database.replaced"),
        ("shrunk", "data", "storage.volume-shrunk"),
    ],
)
def test_what_a_look_at_the_data_shows_comes_first(verdict: str, trigger: str, code: str) -> None:
    tail = ('FATAL:  could not open file "global/pg_filenode.map": No such file or directory',)
    found = diagnose(case(trigger, data=(state(verdict),), log_tail=tail))[1]
    assert found[0].code == code, found


@pytest.mark.parametrize("verdict", ["replaced", "shrunk"])
def test_what_works_as_it_is_now_is_not_why_it_dies_later(verdict: str) -> None:
    found = diagnose(case("died", exit_code=137, kill_signals=(), data=(state(verdict),)))[1]
    assert all(one.code not in ("database.replaced", "storage.volume-shrunk") for one in found)


@pytest.mark.parametrize("verdict", ["same", "unknown"])
def test_the_same_or_not_seen_is_no_finding(verdict: str) -> None:
    assert not diagnose(case("data", exit_code=None, data=(state(verdict),)))[0]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("pg_dump: error: invalid page in block 3 of relation base/5/16384", "database.corrupt"),
        ('could not read block 3 in file "base/5/1": Input/output error', "storage.io-error"),
        ('could not open file "base/5/16384": Permission denied', ""),
        ("could not write: No space left on device", ""),
    ],
)
def test_a_copy_that_fails_is_a_witness(words: str, code: str) -> None:
    found = diagnose(case("data", exit_code=None, data=(state("unreadable", words),)))[1]
    assert [one.code for one in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("kind", "words", "heard"),
    [
        ("sqlite", "ERROR: /old: sqlite3.DatabaseError: database disk image is malformed", True),
        ("sqlite", "SqliteError: SQLITE_NOTADB: file is not a database", True),
        ("sqlite", "ERROR: upload.zip: checksum mismatch, corrupted file", False),
        ("sqlite", "ERROR: unable to open database file", False),
        ("mysql", "[ERROR] InnoDB: Table `kept`.`old` is corrupted. Please drop the table", True),
        ("files", "ERROR: database disk image is malformed", False),
    ],
)
def test_what_a_service_that_runs_says_of_its_data(kind: str, words: str, heard: bool) -> None:
    line = LogPattern(
        engine_id="e",
        container_id="c",
        template=words,
        level="error",
        example=words,
        count=1,
        first_at=NOW,
        last_at=NOW,
    )
    assert bool(damage_in(line, kind)) is heard
