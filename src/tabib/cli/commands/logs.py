"""``tabib logs``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from tabib.cli.attach import LogView, print_logs
from tabib.cli.options import apply_all, command, json_option, services_argument
from tabib.cli.project import name_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_moment(text: str | None, now: datetime) -> str | None:
    """``10m``, ``1h30m``, seconds of the epoch, a date or an RFC 3339 time → RFC 3339 UTC.

    :raises UsageError: none of these.
    """
    if not text:
        return None
    if _DURATION.sub("", text) == "":
        ago = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
        return _rfc3339(now - timedelta(seconds=ago))
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


def _parse_tail(value: str) -> int | None:
    if value == "all":
        return None
    if value.isdigit():
        return int(value)
    raise UsageError("wants a number or `all`", attempted="read --tail", target=repr(value))


_log_options = apply_all(
    click.option("--follow", "-f", is_flag=True, help="Go on as lines come, over restarts too."),
    click.option("--tail", "-n", default="all", metavar="LINES", help="Of each container."),
    click.option("--timestamps", "-t", is_flag=True, help="Print each line's time."),
    click.option("--since", metavar="TIME", help="10m, 1h30m or 2026-01-31T08:00:00Z."),
    click.option("--until", metavar="TIME", help="As --since."),
    click.option("--no-log-prefix", is_flag=True, help="Do not print which container wrote it."),
)


@command(
    "logs",
    taken=("-f",),
    examples=(
        "tabib logs -f                 everything, as it comes",
        "tabib logs -n 50 api worker   the last fifty lines of each container of two services",
        "tabib logs --since 10m -t db  with times",
    ),
)
@services_argument
@_log_options
@json_option
@click.pass_obj
def logs(
    settings: Settings,
    services: tuple[str, ...],
    follow: bool,
    tail: str,
    timestamps: bool,
    since: str | None,
    until: str | None,
    no_log_prefix: bool,
    as_json: bool,
) -> None:
    """Show what containers wrote, each line behind the name of its container."""
    now = datetime.now(UTC)
    view = LogView(
        project=name_of(settings),
        services=services,
        follow=follow,
        tail=_parse_tail(tail),
        since=parse_moment(since, now),
        until=parse_moment(until, now),
        timestamps=timestamps,
        prefix=not no_log_prefix,
        as_json=as_json,
    )
    with connect(settings) as client:
        print_logs(client, settings, view)
