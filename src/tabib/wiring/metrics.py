"""Who takes figures beside the store."""

from __future__ import annotations

import structlog

from tabib.model.errors import ConfigError
from tabib.model.settings import MetricsSettings
from tabib.operations.recorded.sending import Sending
from tabib.operations.site import Sites
from tabib.ports import Clock

log = structlog.get_logger("tabib.wiring")


async def send_metrics(sites: Sites, settings: MetricsSettings, clock: Clock) -> None:
    """Send figures for ever, where a receiver is configured; what is wrong with that is logged."""
    if not settings.remote_write:
        return
    # aiohttp's client is only needed by those who send.
    from tabib.notify.remote_write import RemoteWrite

    try:
        receiver = RemoteWrite(settings.remote_write)
    except ConfigError as error:
        log.error("metrics.not_sent", why=str(error))
        return
    await Sending(sites, receiver, clock, settings.remote_write_interval_s).run()
