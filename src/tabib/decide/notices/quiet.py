"""Quiet hours: when they end, by the clock of the place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from tabib.model.notice_words import parse_hours


def quiet_until(now: datetime, text: str, zone: tzinfo) -> datetime | None:
    """When the quiet hours that ``now`` falls into end (UTC); None where it falls into none."""
    hours = parse_hours(text)
    if hours is None:
        return None
    begin, end = hours
    local = now.astimezone(zone)
    clock = local.time()
    over_midnight = begin > end
    if over_midnight:
        inside = clock >= begin or clock < end
    else:
        inside = begin <= clock < end
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if over_midnight and clock >= begin else 0)
    ends = datetime.combine(day, end, zone).astimezone(UTC)
    # Where clocks are put back the same hour comes twice, and its first end has passed.
    return ends if ends > now else ends + timedelta(hours=1)
