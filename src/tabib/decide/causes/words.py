"""The reasons of a ranking in plain words."""

from __future__ import annotations

from tabib.decide.causes.question import Change
from tabib.decide.causes.shift import Shift

_SAME_S = 2.0


def of_shift(one: Shift, at: float) -> str:
    """``memory of worker rose from 40 MB to 310 MB, 4 minutes before the trouble was seen``"""
    way = "rose" if one.rises else "fell"
    name = one.metric
    unit = ""
    if name.endswith("_bytes"):
        name, unit = name.removesuffix("_bytes"), "bytes"
    elif name.endswith("_us"):
        name, unit = name.removesuffix("_us"), "us"
    return (
        f"{name.replace('_', ' ')} of {one.service} {way} from {amount(one.before, unit)} "
        f"to {amount(one.after, unit)}, {when(one.onset, at, 'the trouble was seen')}"
    )


def of_gone(service: str, moment: float, at: float) -> str:
    return f"nothing was read of {service} since {when(moment, at, 'the trouble was seen')}"


def of_change(change: Change, onset: float) -> str:
    what = change.summary or f"{change.service or 'the host'} was changed ({change.kind})"
    return f"{what}, {when(change.at, onset, 'that')}"


def when(moment: float, at: float, what: str) -> str:
    ago = at - moment
    if abs(ago) < _SAME_S:
        return f"when {what}"
    return f"{span(abs(ago))} {'before' if ago > 0 else 'after'} {what}"


def span(seconds: float) -> str:
    if seconds < 90:
        whole = round(seconds)
        return f"{whole} second" if whole == 1 else f"{whole} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"


def amount(value: float, unit: str) -> str:
    """``310 MB``, ``1.2``, ``0.5 s``. A time that is a rate is so much a second."""
    if unit == "bytes":
        for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
            if abs(value) >= size:
                return f"{_short(value / size)} {name}"
        return f"{round(value)} B"
    if unit == "us":
        return f"{_short(value / 10_000)} %"
    return _short(value)


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.3g}"
