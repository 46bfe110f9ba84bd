"""Who is told about incidents, and through what."""

from __future__ import annotations

import os
import secrets
import socket
import stat
from datetime import UTC, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from tabib.decide.notices import LIMITS, Limits
from tabib.host.settings import url_place
from tabib.model.incident import Incident
from tabib.model.notice import NotifyRule
from tabib.model.settings import NotifySettings
from tabib.notify.services import Services
from tabib.operations.notifying import HostRules, Notifying, NotifyTools, Report
from tabib.operations.notifying.rules import rules_of
from tabib.ports import Clock, Notifier
from tabib.wiring.sites import EngineSites
from tabib.wiring.stores import Stores

log = structlog.get_logger("tabib.notify")


def build_notifying(
    stores: Stores,
    clock: Clock,
    settings: NotifySettings,
    *,
    notifier: Notifier | None = None,
    file: Path | None = None,
) -> Notifying:
    """What tells people about the incidents of the journal; it hears of each from now on.

    ``file``: where ``settings`` stand, for messages.
    """
    tools = NotifyTools(
        journal=stores.journal,
        outbox=stores.journal.outbox,
        vault=stores.vault,
        notifier=notifier or Services(),
        clock=clock,
        new_id=lambda: secrets.token_hex(6),
        hostname=socket.gethostname(),
        zone=local_zone(),
    )
    notifying = Notifying(tools, host_rules(settings, file))
    stores.journal.on_incident = notifying.changed
    if settings.urls and file is not None:
        _warn_if_open(file)
    return notifying


def report_from(sites: EngineSites) -> Report:
    """Reports to be sent along; none where the incident's engine is not known now."""

    async def report(incident: Incident) -> str:
        # Imported with the first one: a daemon starts 54 ms sooner without.
        from tabib.operations.reporting import incident_report

        for site in sites.known:
            if site.tools.info.id == incident.engine_id:
                return str(await incident_report(site.tools, incident.id, "md"))
        return ""

    return report


def _warn_if_open(file: Path) -> None:
    """URLs are secrets: say so where others of this machine can read them."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning("notify.readable_urls", file=str(file), advice=f"chmod 600 {file}")


def host_rules(settings: NotifySettings, file: Path | None = None) -> HostRules:
    """What ``[notify]`` in ``tabib.toml`` says."""
    rules = rules_of(settings.urls)
    limit = settings.messages_per_10_minutes
    return HostRules(
        rules=rules,
        usual=NotifyRule(
            url="",
            min_severity=settings.min_severity,
            on=tuple(settings.on),
            quiet_hours=settings.quiet_hours,
            timezone=settings.timezone,
        ),
        limits=Limits(
            messages=limit,
            reserved=min(LIMITS.reserved, limit // 2),
            window=timedelta(minutes=10),
        ),
        places={rule.url: url_place(file, rule.url) for rule in rules} if file else {},
    )


def local_zone() -> tzinfo:
    """The time zone of this machine, with its changes of clocks; UTC where it cannot be told."""
    named = os.environ.get("TZ", "").lstrip(":")
    try:
        if named:
            return ZoneInfo(named)
        with Path("/etc/localtime").open("rb") as data:
            return ZoneInfo.from_file(data)
    except (OSError, ValueError, LookupError):
        return UTC
