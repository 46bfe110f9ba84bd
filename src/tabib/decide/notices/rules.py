"""Which rules concern an incident, with the host's settings where a rule says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tabib.model.incident import SEVERITIES
from tabib.model.notice import NotifyRule, RulesByService
from tabib.model.notice_words import USUAL_KINDS, USUAL_SEVERITY


def rules_for(
    service: str, project: RulesByService, host: Sequence[NotifyRule], usual: NotifyRule
) -> list[NotifyRule]:
    """The rules for a service, complete, one for each URL: the service's own, else the project's;
    then the host's. ``usual``: what the host says for rules that say nothing."""
    own = project.get(service, project.get("", ()))
    found: dict[str, NotifyRule] = {}
    for rule in (*own, *host):
        found.setdefault(rule.url, effective(rule, usual))
    return list(found.values())


def effective(rule: NotifyRule, usual: NotifyRule) -> NotifyRule:
    """The rule with nothing left open."""
    return replace(
        rule,
        min_severity=rule.min_severity or usual.min_severity or USUAL_SEVERITY,
        on=rule.on or usual.on or USUAL_KINDS,
        quiet_hours=rule.quiet_hours or usual.quiet_hours,
        timezone=rule.timezone or usual.timezone,
    )


def wants(rule: NotifyRule, kind: str, severity: str, *, needed: bool = False) -> bool:
    """Whether a (complete) rule asks to be told. Who is needed is told at any severity, and so is,
    once it is over, who was ``needed``."""
    if kind not in rule.on:
        return False
    if kind == "needs_human" or (kind == "recovery" and needed and "needs_human" in rule.on):
        return True
    return SEVERITIES.index(severity) >= SEVERITIES.index(rule.min_severity)
