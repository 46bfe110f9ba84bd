"""Questions to a PostgreSQL server, by the programs in its container, as its superuser."""

from __future__ import annotations

from tabib.operations.backups.kinds.programs import Ran, failure, run
from tabib.operations.tools import Tools

_AS = """
f() { [ -n "$1" ] && [ -r "$1" ] && cat "$1"; }
export PGUSER="${POSTGRES_USER:-$(f "$POSTGRES_USER_FILE")}"
export PGUSER="${PGUSER:-postgres}"
export PGPASSWORD="${POSTGRES_PASSWORD:-$(f "$POSTGRES_PASSWORD_FILE")}"
[ -n "$PGPASSWORD" ] || export PGPASSWORD="${POSTGRESQL_POSTGRES_PASSWORD:-$POSTGRESQL_PASSWORD}"
export PGCONNECT_TIMEOUT=20
if [ -n "$TABIB_LIMIT" ] && command -v timeout >/dev/null; then exec timeout "$TABIB_LIMIT" "$@"; fi
exec "$@"
"""
"""The variables are those of the official image, and of Bitnami's."""
OPTIONS = "-c statement_timeout={ms} -c lock_timeout=2000 -c timezone=UTC -c datestyle=ISO,YMD"


def as_superuser(*argv: str) -> list[str]:
    """``argv`` with the superuser's name and password in its environment, found where it runs."""
    return ["sh", "-c", _AS, "sh", *argv]


async def ask(
    tools: Tools,
    container_id: str,
    query: str,
    *,
    database: str = "postgres",
    timeout_s: float = 30.0,
) -> str:
    """The answer to one query, unaligned: ``a|b`` for each row.

    :raises Damaged: the server says that what it read is damaged.
    :raises CopyFailed: it refuses.
    """
    ran = await psql(tools, container_id, query, database=database, timeout_s=timeout_s)
    if ran.exit_code:
        raise failure(
            ran,
            attempted="ask the database in",
            target=container_id[:12],
            advice="Its superuser must be let in by the local socket, or with POSTGRES_PASSWORD.",
        )
    return ran.text.strip()


async def psql(
    tools: Tools,
    container_id: str,
    script: str,
    *,
    database: str = "postgres",
    timeout_s: float = 30.0,
    statement_s: float | None = None,
) -> Ran:
    """Run ``script``; its errors name their line in it. A statement may take ``statement_s``, and
    all of them ``timeout_s``: then it is ended there too, since nobody could end it from here."""
    limit_ms = int((statement_s or timeout_s) * 1000)
    options = {
        "PGOPTIONS": OPTIONS.format(ms=limit_ms),
        "PGAPPNAME": "tabib",
        "TABIB_LIMIT": str(int(timeout_s)),
    }
    argv = as_superuser("psql", "-qXAtf", "-", "-d", database)
    if statement_s is None:
        argv[-4:-4] = ["-v", "ON_ERROR_STOP=1"]
    return await run(
        tools,
        container_id,
        argv,
        environment=options,
        stdin=script.encode() + b"\n;\n",
        timeout_s=timeout_s + 10,
    )
