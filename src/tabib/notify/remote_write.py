"""Prometheus remote write 1.0: one POST with a snappy-compressed body."""

from __future__ import annotations

from types import ModuleType

import aiohttp

from tabib import __version__
from tabib.model.errors import ConfigError, TabibError

_DEADLINE_S = 10.0
_SAID = 200


class RemoteWrite:
    """See :class:`tabib.ports.Receiver`. ``url``: the receiver's, with its path.

    :raises ConfigError: cramjam, which compresses, is not installed; or the URL is none.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._snappy = _snappy()
        if not url.startswith(("http://", "https://")):
            raise ConfigError(
                "it is no http or https URL", attempted="use [metrics] remote_write", target=url
            )

    async def send(self, body: bytes) -> None:
        """Deliver a ``WriteRequest``. Not repeated by itself.

        :raises TabibError: the receiver does not answer, or refuses; says what it said.
        """
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
            "User-Agent": f"tabib/{__version__}",
        }
        packed = bytes(self._snappy.compress_raw(body))
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_DEADLINE_S)) as session,
                session.post(self._url, data=packed, headers=headers) as response,
            ):
                if response.status >= 300:
                    said = (await response.text(errors="replace")).strip()[:_SAID]
                    raise self._failed(f"it answered HTTP {response.status}: {said}")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._failed(str(error) or "no answer in time") from error

    def _failed(self, happened: str) -> TabibError:
        return TabibError(
            happened,
            attempted="send figures to",
            target=self._url,
            advice="Is it started, with its remote-write receiver switched on?",
        )


def _snappy() -> ModuleType:
    try:
        from cramjam import snappy
    except ImportError as error:
        raise ConfigError(
            "cramjam is not installed",
            attempted="use [metrics] remote_write",
            advice="Install it: pip install 'tabib[remote-write]'.",
        ) from error
    found: ModuleType = snappy
    return found
