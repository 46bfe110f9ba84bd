"""``clock.*``: the time is wrong."""

from __future__ import annotations

from tabib.decide.diagnose.heard import log_rule

RULES = (
    log_rule(
        "clock.skew",
        explain="Two machines do not agree what time it is: certificates and tokens fail.",
        advice="Look whether time synchronisation (NTP) runs on the machine: `timedatectl`.",
        explains=("tls.expired", "tls.untrusted", "tls.handshake", "database.auth-failed"),
    ),
)
