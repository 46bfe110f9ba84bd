"""``tls.*``: certificates that published ports show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tabib.decide.checkup.rule import Check, found, shared
from tabib.model.checkup import Certificate, CheckupFinding, Examined, Observation
from tabib.model.incident import Evidence

SOON = timedelta(days=21)
VERY_SOON = timedelta(days=7)


def _severity(shown: Certificate, now: datetime) -> str:
    """By what is left, also as a share of its lifetime: a certificate of six days is renewed late.

    Renewal usually happens when a third is left.
    """
    left, lifetime = shown.not_after - now, shown.not_after - shown.not_before
    if left > min(SOON, lifetime / 4):
        return ""
    return "error" if left <= min(VERY_SOON, lifetime / 12) else "warning"


def _shown(observation: Observation) -> Iterable[tuple[Examined, Certificate]]:
    by_id = {one.id: one for one in observation.containers}
    for shown in observation.certificates:
        one = by_id.get(shown.container_id)
        if one is not None:
            yield one, shown


def _evidence(shown: Certificate) -> Evidence:
    ends = f"{shown.not_after:%Y-%m-%d %H:%M} UTC"
    name = shown.subject or "without a name"
    return Evidence(source="tls", text=f"port {shown.port}: certificate {name}, valid until {ends}")


def _expiring(observation: Observation) -> Iterable[CheckupFinding]:
    for one, shown in _shown(observation):
        severity = _severity(shown, observation.at)
        if severity and shown.not_after > observation.at:
            left = shown.not_after - observation.at
            words = f"{left.days} days" if left.days > 1 else f"{left.total_seconds() / 3600:.0f} h"
            summary = f"the certificate on port {shown.port} expires in {words}"
            yield found(one, "tls.expiring", severity, summary, _evidence(shown))


def _expired(observation: Observation) -> Iterable[CheckupFinding]:
    for one, shown in _shown(observation):
        if shown.not_after <= observation.at:
            summary = f"the certificate on port {shown.port} has expired"
            yield found(one, "tls.expired", "error", summary, _evidence(shown))


RULES: tuple[Check, ...] = (
    Check(
        code="tls.expiring",
        check=_expiring,
        explain="A certificate ends soon and was not renewed in time.",
        advice="Renew it, reload what serves it, and see why renewal did not happen by itself.",
    ),
    shared("tls.expired", _expired),
)
