"""The only room that names adapters: builds the Tools that operations work with."""

from __future__ import annotations

from tabib.host.clock import SystemClock
from tabib.ports import Clock
from tabib.wiring.metrics import send_metrics
from tabib.wiring.notify import build_notifying, report_from
from tabib.wiring.site import build_site
from tabib.wiring.sites import EngineSites
from tabib.wiring.stores import Recording, Stores

__all__ = [
    "EngineSites",
    "Recording",
    "Stores",
    "build_notifying",
    "build_site",
    "report_from",
    "send_metrics",
    "system_clock",
]


def system_clock() -> Clock:
    return SystemClock()
