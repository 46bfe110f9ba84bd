"""Leases: who works on what, with fencing tokens that only ever grow."""

from __future__ import annotations

from datetime import datetime, timedelta

import apsw

from tabib.model.errors import LeaseHeld
from tabib.model.release import Lease
from tabib.stores.rows import from_us, one, to_us


def acquire(
    connection: apsw.Connection, scope: str, holder: str, now: datetime, ttl: timedelta
) -> Lease:
    """Take, or renew where ``holder`` has it still (the token stays); inside a transaction.

    :raises LeaseHeld: another holder's has not expired at ``now``; ``details`` has ``holder``,
        ``scope`` and ``expires_at``.
    """
    row = one(connection, "SELECT token, holder, expires_at FROM lease WHERE scope = ?", (scope,))
    alive = row is not None and row[2] > to_us(now)
    if alive and row[1] != holder:
        raise _held(scope, row[1], from_us(row[2]), now)
    token = row[0] if alive else _next_token(connection, now)
    expires_at = now + ttl
    connection.execute(
        "INSERT OR REPLACE INTO lease (scope, token, holder, expires_at) VALUES (?, ?, ?, ?)",
        (scope, token, holder, to_us(expires_at)),
    )
    return Lease(scope=scope, token=token, holder=holder, expires_at=expires_at)


def release(connection: apsw.Connection, lease: Lease) -> None:
    """Give it back; nothing happens where somebody else has taken it since."""
    connection.execute(
        "DELETE FROM lease WHERE scope = ? AND token = ?", (lease.scope, lease.token)
    )


def clear(connection: apsw.Connection) -> None:
    """Forget all; the next token is still higher than every one before."""
    connection.execute("DELETE FROM lease")


def _next_token(connection: apsw.Connection, now: datetime) -> int:
    row = one(connection, "SELECT token FROM fence")
    if row is None:
        # Counting from the clock keeps tokens growing even over a journal that was lost.
        token = to_us(now) // 1_000
        connection.execute("INSERT INTO fence (token) VALUES (?)", (token,))
        return token
    token = int(row[0]) + 1
    connection.execute("UPDATE fence SET token = ?", (token,))
    return token


def _held(scope: str, holder: str, expires_at: datetime, now: datetime) -> LeaseHeld:
    remaining_s = max(1, round((expires_at - now).total_seconds()))
    return LeaseHeld(
        f"{holder} works on it; its lease ends in {remaining_s} s unless it is renewed",
        attempted="lease",
        target=scope,
        advice="Wait for it to finish, or stop it, then try again.",
        details={"holder": holder, "scope": scope, "expires_at": expires_at.isoformat()},
    )
