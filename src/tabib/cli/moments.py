"""Times as people write them, and options for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import click

from tabib.cli.options import F
from tabib.model.errors import UsageError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_OF_DAY = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_moment(text: str | None, now: datetime) -> str | None:
    """``10m``, ``1h30m``, ``14:05`` (the last time it was), seconds of the epoch, a date or an
    RFC 3339 time → RFC 3339 UTC.

    :raises UsageError: none of these.
    """
    if not text:
        return None
    if _DURATION.sub("", text) == "":
        ago = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
        return _rfc3339(now - timedelta(seconds=ago))
    if _OF_DAY.fullmatch(text):
        text = f"{now.astimezone():%Y-%m-%d}T{text.zfill(len(text) + (text[1] == ':'))}"
        moment = datetime.fromisoformat(text).astimezone(UTC)
        return _rfc3339(moment if moment <= now else moment - timedelta(days=1))
    try:
        if re.fullmatch(r"\d{9,}(\.\d+)?", text):
            return _rfc3339(datetime.fromtimestamp(float(text), UTC))
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            "is not a time",
            attempted="read",
            target=repr(text),
            advice="Write a duration (10m, 1h30m) or a time (2026-01-31T08:00:00Z).",
        ) from error
    # Without an offset it means the user's own time, as with docker.
    return _rfc3339(moment.astimezone(UTC))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def since_option(usual: str = "") -> Callable[[F], F]:
    """``--since``; ``usual`` is said in the help and used where it is not given."""
    said = f" Usually {usual}." if usual else ""
    return click.option(
        "--since",
        metavar="TIME",
        default=usual or None,
        help=f"From then on: 10m, 1h30m or 2026-01-31T08:00:00Z.{said}",
    )


until_option = click.option("--until", metavar="TIME", help="Until then, as --since.")
