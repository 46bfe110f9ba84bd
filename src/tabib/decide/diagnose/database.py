"""``database.*``: a database's own trouble, or what it answers to those who use it."""

from __future__ import annotations

from tabib.decide.diagnose.heard import log_rule

_TALK = ("network.refused", "network.timeout", "network.reset")

RULES = (
    log_rule(
        "database.too-many-connections",
        explain="All connections that the database allows are in use.",
        advice="Find who holds them (a leak in a pool): restart that one, not the database.",
        restart_helps=True,
        explains=_TALK,
    ),
    log_rule(
        "database.corrupt",
        explain="The database's files are damaged.",
        advice="Stop it, copy the volume aside, and restore the last good copy to a new volume.",
        explains=("storage.full", "database.migration-failed", "exit.missing-env"),
    ),
    log_rule(
        "database.cannot-open",
        explain="SQLite cannot open its file, or make one beside it: SQLite does not say why.",
        advice="Look whether folder and file are there, and belong to the user that it runs as.",
        explains=("exit.app-error", "exit.missing-env", "health.unhealthy"),
    ),
    log_rule(
        "database.lock-file",
        explain="A lock file says that another instance works on the same data.",
        advice="Look for a second container on the volume. Only where none runs, remove the file.",
        explains=("process.pid-limit", "storage.permission-denied", "database.corrupt"),
    ),
    log_rule(
        "database.version-mismatch",
        explain="The data was written by another version of the database than the image has.",
        advice="Go back to the image before, or upgrade the data as the database's manual says.",
        confidence=0.95,
        explains=("database.corrupt", "config.invalid"),
    ),
    log_rule(
        "database.migration-failed",
        explain="The database's schema is not what the program expects.",
        advice="Read which migration failed; roll the release back, or repair and run it again.",
        confidence=0.85,
    ),
    log_rule(
        "database.auth-failed",
        explain="The database refuses a user or a password.",
        advice="Compare the password in the file with the one that the database was made with.",
        explains=("network.refused", "network.reset", "storage.permission-denied"),
    ),
    log_rule(
        "database.missing",
        explain="The database that the program asks for was never created.",
        advice="Create it, or correct its name in the program's configuration.",
        explains=("network.refused", "database.migration-failed"),
    ),
    log_rule(
        "database.deadlock",
        explain="Transactions wait for each other, or one holds a lock for too long.",
        advice="Find the transaction that holds the lock; keep transactions short, and retry.",
        confidence=0.8,
        restart_helps=True,
        explains=("network.timeout",),
    ),
    log_rule(
        "database.read-only",
        explain="The database takes no changes: a replica, or set to read-only.",
        advice="Connect to the primary; see whether the database's disk was full.",
        confidence=0.85,
        explains=("storage.read-only",),
    ),
    log_rule(
        "database.replication",
        explain="A replica cannot follow its primary.",
        advice="Look at both sides' logs; a replica that fell behind must be made anew.",
        confidence=0.8,
    ),
    log_rule(
        "database.not-ready",
        explain="The database is still starting or recovering.",
        advice="Wait for it: `depends_on` with `condition: service_healthy`.",
        confidence=0.8,
        restart_helps=True,
        explains=_TALK,
    ),
)
