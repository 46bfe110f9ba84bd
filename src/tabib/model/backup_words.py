"""The words of ``x-tabib.backup``. Apart from the nouns, since whoever only reads a Compose file
needs no more of it."""

from __future__ import annotations

METHODS = ("pause", "stop", "live")
BEFORE_CHANGE = ("require", "try", "never")
"""What a change that could lose data does without a snapshot before it: not go on, say so and go
on, or not even try."""
NEVER = "never"
"""As a schedule."""

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def parse_cron(text: str) -> str:
    """A schedule of cron in its five fields.

    :raises ValueError: what is wrong with it.
    """
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError  # only who backs up by a schedule pays for it

    fields = _ALIASES.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise ValueError("must be a schedule of five fields: minute, hour, day, month, weekday")
    try:
        next(CronSim(" ".join(fields), datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"is no schedule: {str(error).lower()}") from error
    except StopIteration as error:
        raise ValueError("is a time that never comes") from error
    return " ".join(fields)


def parse_zone(name: str) -> str:
    """The name of a time zone; ``""``: the host's own.

    :raises ValueError: there is none of that name.
    """
    from zoneinfo import ZoneInfo

    try:
        return name and ZoneInfo(name).key
    except (OSError, ValueError, LookupError) as error:
        raise ValueError("must be a time zone as Europe/Berlin") from error
