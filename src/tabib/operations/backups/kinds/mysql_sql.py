"""Questions to a MySQL or MariaDB server, by the programs in its container, as root."""

from __future__ import annotations

from tabib.operations.backups.kinds.programs import Ran, failure, run
from tabib.operations.tools import Tools

_AS = """
f() { [ -n "$1" ] && [ -r "$1" ] && cat "$1"; }
p="${MARIADB_ROOT_PASSWORD:-$MYSQL_ROOT_PASSWORD}"
[ -n "$p" ] || p=$(f "$MARIADB_ROOT_PASSWORD_FILE")
[ -n "$p" ] || p=$(f "$MYSQL_ROOT_PASSWORD_FILE")
export MYSQL_PWD="$p"
tool=$1; shift
limit=
if [ -n "$TABIB_LIMIT" ] && command -v timeout >/dev/null; then limit="timeout $TABIB_LIMIT"; fi
for one in $tool; do
    if command -v "$one" >/dev/null 2>&1; then exec $limit "$one" --no-defaults -uroot "$@"; fi
done
echo "error: the image has none of: $tool" >&2; exit 127
"""
"""MariaDB 11 has no ``mysql*`` names, and MySQL no others."""

CLIENT = "mariadb mysql"
DUMP = "mariadb-dump mysqldump"
CHECK = "mariadb-check mysqlcheck"
ADMIN = "mariadb-admin mysqladmin"


def as_root(tools_named: str, *arguments: str) -> list[str]:
    """The first of the programs that is there, as root, its password in its environment alone."""
    return ["sh", "-c", _AS, "sh", tools_named, *arguments]


async def ask(tools: Tools, container_id: str, script: str, *, timeout_s: float = 30.0) -> str:
    """The answers, a row a line, columns separated by tabs.

    :raises Damaged: the server says that what it read is damaged.
    :raises CopyFailed: it refuses.
    """
    ran = await client(tools, container_id, script, timeout_s=timeout_s)
    if ran.exit_code:
        raise refusal(ran, attempted="ask the database in", target=container_id[:12])
    return ran.text.strip("\n")


async def client(
    tools: Tools, container_id: str, script: str, *, force: bool = False, timeout_s: float = 30.0
) -> Ran:
    """Run ``script``; with ``force``, errors (which name their line) do not end it. After
    ``timeout_s`` it is ended where it runs: nobody could do that from here."""
    argv = as_root(CLIENT, "-N", "-B", "--unbuffered", *(("--force",) if force else ()))
    return await run(
        tools,
        container_id,
        argv,
        environment={"TABIB_LIMIT": str(int(timeout_s))},
        stdin=script.encode(),
        timeout_s=timeout_s + 10,
    )


def refusal(ran: Ran, *, attempted: str, target: str) -> Exception:
    """The error for a client or a dump that failed."""
    return failure(ran, attempted=attempted, target=target, advice=ADVICE)


ADVICE = (
    "Root must be let in by the local socket: with MARIADB_ROOT_PASSWORD or MYSQL_ROOT_PASSWORD"
    " (or …_FILE) of the container, as it is now in the database."
)
