"""Log tails as real programs write them, each with the cause that is to come first, and tails that
only mention trouble."""
# ruff: noqa: E501

from __future__ import annotations

import re
import time

import pytest
from tests.decide.test_diagnose import case, first

from tabib.decide.diagnose import BY_CODE, diagnose
from tabib.decide.diagnose.signatures import signatures

SICK = [
    ("database.version-mismatch", "FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by PostgreSQL version 14, which is not compatible with this version 15.4."),
    ("database.lock-file", 'FATAL:  lock file "postmaster.pid" already exists\nHINT:  Is another postmaster (PID 1) running in data directory "/var/lib/postgresql/data"?'),
    ("database.too-many-connections", 'psycopg2.OperationalError: connection to server at "db" (172.18.0.2), port 5432 failed: FATAL:  sorry, too many clients already'),
    ("database.too-many-connections", "ERROR 1040 (HY000): Too many connections"),
    ("database.auth-failed", 'FATAL:  password authentication failed for user "app"'),
    ("database.auth-failed", "FATAL:  Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen"),
    ("database.auth-failed", "ERROR 1045 (28000): Access denied for user 'app'@'172.18.0.3' (using password: YES)"),
    ("database.auth-failed", '{"level":"error","msg":"connect failed","err":{"code":"28P01","severity":"FATAL"}}'),
    ("database.cannot-open", "sqlite3.OperationalError: unable to open database file"),
    ("database.cannot-open", "SqliteError: SQLITE_CANTOPEN: unable to open database file"),
    ("database.missing", 'FATAL:  database "shop" does not exist'),
    ("database.corrupt", "PANIC:  could not locate a valid checkpoint record"),
    ("database.corrupt", "1:M 10 Jun 2023 19:50:35.601 # Bad file format reading the append only file appendonly.aof.2.incr.aof: make a backup of your AOF file"),
    ("database.version-mismatch", "1:M 22 Sep 2023 10:37:18.317 # Can't handle RDB format version 11\n1:M 22 Sep 2023 10:37:18.317 # Fatal error loading the DB: Invalid argument. Exiting."),
    ("database.version-mismatch", '{"t":{"$date":"2022-08-25T10:42:00.949+02:00"},"s":"F","c":"CONTROL","id":20573,"ctx":"initandlisten","msg":"Wrong mongod version","attr":{"error":"UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document"}}'),
    ("database.lock-file", '{"t":{"$date":"2020-03-24T21:56:47.753+00:00"},"s":"I","c":"STORAGE","id":20557,"ctx":"initandlisten","msg":"exception in initAndListen: {e}, terminating","attr":{"e":"DBPathInUse: Unable to lock the lock file: /data/db/mongod.lock (Resource temporarily unavailable). Another mongod instance is already running"}}\n{"t":{"$date":"2020-03-24T21:56:47.753+00:00"},"s":"I","c":"CONTROL","id":20565,"ctx":"initandlisten","msg":"now exiting"}'),
    ("database.version-mismatch", "2023-07-01 17:38:59 0 [ERROR] InnoDB: Unsupported redo log format. The redo log was created with MariaDB 10.11.3.\n2023-07-01 17:38:59 0 [ERROR] Aborting"),
    ("database.migration-failed", 'sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation "users" does not exist'),
    ("database.migration-failed", "error: Dirty database version 12. Fix and force version."),
    ("database.deadlock", "sqlite3.OperationalError: database is locked"),
    ("memory.exhausted", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"),
    ("memory.exhausted", 'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space\n\tat com.shop.Main.main(Main.java:5)'),
    ("process.pid-limit", 'Exception in thread "main" java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached'),
    ("process.pid-limit", "sh: can't fork: Resource temporarily unavailable"),
    ("process.pid-limit", "RuntimeError: can't start new thread"),
    ("process.fd-leak", "OSError: [Errno 24] Too many open files: '/tmp/x'"),
    ("process.fd-leak", "Error: EMFILE: too many open files, open '/tmp/x'"),
    ("process.deadlock", "fatal error: all goroutines are asleep - deadlock!"),
    ("tls.expired", "requests.exceptions.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)"),
    ("tls.expired", "Error: certificate has expired\n    at TLSSocket.onConnectSecure (node:_tls_wrap:1550:34) {\n  code: 'CERT_HAS_EXPIRED'\n}"),
    ("tls.untrusted", 'Get "https://api": tls: failed to verify certificate: x509: certificate signed by unknown authority'),
    ("tls.hostname-mismatch", "ssl.SSLCertVerificationError: certificate verify failed: Hostname mismatch, certificate is not valid for 'api'. (_ssl.c:1006)"),
    ("clock.skew", "x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2024-01-01T00:00:00Z"),
    ("tls.certificate-unreadable", '2026/05/04 12:00:00 [emerg] 1#1: cannot load certificate "/etc/nginx/tls.pem": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory)'),
    ("config.invalid", '2026/05/04 12:00:00 [emerg] 1#1: unknown directive "servr" in /etc/nginx/conf.d/default.conf:3'),
    ("config.invalid", "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n>>> 'maxmemry 1gb'\nBad directive or wrong number of arguments"),
    ("network.dns", '2026/05/04 12:00:00 [emerg] 1#1: host not found in upstream "api" in /etc/nginx/conf.d/default.conf:3'),
    ("config.file-missing", "FileNotFoundError: [Errno 2] No such file or directory: '/etc/app/config.yml'"),
    ("config.secret-missing", "cat: /run/secrets/db_password: No such file or directory"),
    ("exit.missing-module", "ModuleNotFoundError: No module named 'flask'"),
    ("exit.missing-module", "Error: Cannot find module 'express'\nRequire stack:\n- /app/index.js"),
    ("exit.missing-env", 'Error: Database is uninitialized and superuser password is not specified.\n       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.'),
    ("network.port-taken", "Error: listen EADDRINUSE: address already in use :::3000\n    at Server.setupListenHandle [as _listen2] (node:net:1463:16)"),
    ("network.refused", 'level=error msg="db connect failed" error="dial tcp 172.18.0.2:5432: connect: connection refused"'),
    ("network.timeout", "requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='api', port=80): Connection to api timed out."),
    ("network.partition", "connect: No route to host"),
    ("network.bind-failed", "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)"),
    ("storage.full", "Exception: System.IO.IOException: No space left on device : '/data/x'"),
    ("storage.read-only", "Error: EROFS: read-only file system, open '/app/x'"),
    ("storage.io-error", "cp: error reading '/data/x': Input/output error"),
    ("exit.command-not-found", "[FATAL tini (7)] exec serve failed: No such file or directory"),
    ("exit.app-error", "WARN cache: connection refused, used without\nTraceback (most recent call last):\n  File \"/app/main.py\", line 3, in run\nValueError: no such shop"),
]  # fmt: skip

INNOCENT = [
    "INFO 0 errors, connection refused: 0", "no errors found", "retrying after error: none",
    "error_log=/var/log/app.log", 'level=info msg="handler for connection refused registered"',
    "INFO deadlock detected: 0", '{"level":"info","msg":"too many connections alarm armed"}',
    "connect_timeout=10", "deadlock_timeout = 1s", "max_connections = 100", "timeout: 30s",
    "LOG:  database system is ready to accept connections", "I0504 12:00:00.0 1 a.go:5] permission denied: none",
    "test_connection_refused PASSED", "  ✓ returns 403 on permission denied (5 ms)",
    "INFO certificate has expired handler loaded", "DEBUG out of memory killer disabled",
    '{"level":30,"msg":"ENOSPC is retried"}', "2026-05-04 12:00:00 0 [Note] InnoDB: no corruption",
    '10.0.0.1 - - [04/May/2026:12:00:00 +0000] "GET /errors/connection-refused HTTP/1.1" 200 12',
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "tail"), SICK, ids=[f"{n}-{one[0]}" for n, one in enumerate(SICK)]
)
def test_the_cause_that_comes_first(code: str, tail: str) -> None:
    assert first(log_tail=("starting", *tail.split("\n"))) == code


@pytest.mark.parametrize("line", INNOCENT)
def test_what_only_mentions_trouble_is_no_cause(line: str) -> None:
    assert first(log_tail=("starting", line)) == "exit.app-error"


def test_an_unhandled_error_is_named_with_its_place() -> None:
    log = (
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 3, in run',
        "ValueError: no such shop",
    )
    (cause, *_) = diagnose(case(log_tail=log))[1]
    assert "ValueError: no such shop (in run, /app/main.py:3)" in cause.summary


def test_signatures_are_of_known_codes() -> None:
    assert {one.code for one in signatures()} <= set(BY_CODE)
    assert all(word == word.lower() for one in signatures() for word in one.needs)


def test_no_pattern_repeats_without_bound() -> None:
    """A hostile line costs no more than an honest one: each repetition has its end."""
    for one in signatures():
        bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])+\]", "x", one.pattern)
        assert not re.search(r"[*+]|\{\d*,\}", bare), one.technology


def test_a_hostile_log_costs_little() -> None:
    """A hundred lines of 16 KB, full of the words that patterns begin at: 12 ms where written."""
    words = sorted({word for one in signatures() for word in one.needs})
    lines = tuple(
        f"ERROR {number} {': '.join(words[number:] + words[:number])}"[:16384]
        for number in range(100)
    )
    diagnose(case(log_tail=("patterns are compiled when they are used first", *lines[:20])))
    begun = time.process_time()
    diagnose(case(log_tail=lines))
    assert time.process_time() - begun < 0.15
