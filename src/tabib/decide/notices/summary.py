"""The week in a message, on Monday morning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from tabib.decide.notices.urls import destination_id
from tabib.decide.notices.words import summary_text
from tabib.model.incident import Incident
from tabib.model.notice import Notice, NotifyRule

WEEK = timedelta(days=7)
_MORNING = time(9)
_LATE = timedelta(hours=12)


def summary_due(now: datetime, known_since: datetime, zone: tzinfo) -> datetime | None:
    """The Monday, 9 o'clock, of the summary that is due now; None where none is: on other days, and
    where there is nothing to sum up yet."""
    local = now.astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    at = datetime.combine(monday, _MORNING, zone).astimezone(UTC)
    return at if at <= now < at + _LATE and known_since < at else None


def summary_notice(
    rule: NotifyRule, project: str, at: datetime, incidents: Sequence[Incident], host: str
) -> Notice:
    """The notice about the week before ``at``. ``project`` empty: all of the host."""
    about = project or "all projects"
    where = f" on {host}" if host else ""
    text = summary_text(incidents, at - WEEK)
    destination = destination_id(rule.url)
    week = f"{at:%G-W%V}"
    return Notice(
        id=f"{destination}/summary/{project}/{week}",
        destination=destination,
        kind="summary",
        at=at,
        incident=f"summary/{project}",
        era=week,
        project=project,
        service="",
        severity="info",
        title=f"[tabib] {about}{where}: the week until {at:%Y-%m-%d}",
        head=f"SUMMARY: {about}: {len(incidents)} incidents in the week until {at:%Y-%m-%d}",
        text=text,
        quiet_hours=rule.quiet_hours,
        timezone=rule.timezone,
    )
