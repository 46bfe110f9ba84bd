"""Which causes may be no more than what another service's trouble looks like from here."""

from __future__ import annotations

TOWARD_OTHERS = frozenset(
    {
        *("network.refused", "network.dns", "network.timeout", "network.reset"),
        *("network.partition", "database.not-ready", "database.too-many-connections"),
    }
)
"""Causes that tell of a service that something was wanted from."""

SYMPTOMS = TOWARD_OTHERS | {
    *("exit.app-error", "exit.finished", "restart.loop", "process.worker-died"),
    *("health.unhealthy", "health.timeout"),
}
"""Causes that the trouble of something else can bring about. The others (a missing program, a
wrong setting, a kill from outside) are a service's own."""
