"""What notifying works with, and what the host says about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import structlog

from tabib.decide.notices import LIMITS, Limits
from tabib.model.incident import Incident
from tabib.model.notice import NotifyRule
from tabib.ports import Clock, Journal, Notifier, Outbox, Vault

log = structlog.get_logger("tabib.notify")

Report = Callable[[Incident], Awaitable[str]]
"""An incident as Markdown, to be attached where the service takes attachments."""


@dataclass(slots=True, kw_only=True)
class NotifyTools:
    """The ports. ``report`` None: there are no reports. ``zone``: this machine's."""

    journal: Journal
    outbox: Outbox
    vault: Vault
    notifier: Notifier
    clock: Clock
    new_id: Callable[[], str]
    hostname: str = ""
    zone: tzinfo = UTC
    report: Report | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRules:
    """What ``tabib.toml`` says. ``rules``: URLs in clear; ``usual``: for rules that say nothing;
    ``places``: URL → where it stands."""

    rules: tuple[NotifyRule, ...] = ()
    usual: NotifyRule = field(default_factory=lambda: NotifyRule(url=""))
    limits: Limits = LIMITS
    places: Mapping[str, str] = field(default_factory=dict)


class Zones(dict[str, tzinfo]):
    """Time zones by name; ``""`` and names that this machine does not know are its own."""

    def __init__(self, own: tzinfo) -> None:
        super().__init__({"": own})

    def __missing__(self, name: str) -> tzinfo:
        try:
            self[name] = ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            log.warning("notify.no_such_timezone", name=name)
            self[name] = self[""]
        return self[name]
