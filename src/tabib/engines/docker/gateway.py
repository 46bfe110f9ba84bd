"""The one module that speaks HTTP to the engine (see docs/decisions/0002-engine-gateway.md).

Every request says what it is for (:class:`Call`), has a deadline, and fails with an error of
``model/errors.py``. Answers of unknown length are streamed, never held in memory whole.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from yarl import URL

from tabib.engines.docker.call import PROBE_DEADLINE_S, Call
from tabib.engines.docker.errors import refused, too_old, unreachable
from tabib.engines.docker.hijack import Hijacked, hijack
from tabib.engines.docker.ssh import SshBridge
from tabib.model.errors import EngineUnavailable, UsageError
from tabib.model.wire import EndpointAddress

ApiVersion = tuple[int, int]
NEWEST: ApiVersion = (1, 51)
"""The newest API whose differences this adapter knows (Engine 28.3)."""
OLDEST: ApiVersion = (1, 41)
"""The oldest API that has all that is called here (Engine 20.10)."""

Params = Mapping[str, str]
Body = bytes | AsyncIterator[bytes] | None

_JSON = {"Content-Type": "application/json"}


class Gateway:
    """One engine over HTTP. Made by :func:`open_gateway`; the constructor does no I/O."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        address: EndpointAddress,
        bridge: SshBridge | None = None,
    ) -> None:
        self._session = session
        self._base = base
        self._prefix = base
        self._bridge = bridge
        self.address = address
        self.api: ApiVersion = OLDEST

    async def get(self, call: Call, path: str, params: Params | None = None) -> Any:
        """The JSON answer to a GET."""
        return await self._json(call, "GET", path, params, None)

    async def post(
        self, call: Call, path: str, params: Params | None = None, body: object = None
    ) -> Any:
        """POST ``body`` as JSON; the JSON answer, or None where there is none (204, 304)."""
        return await self._json(call, "POST", path, params, body)

    async def delete(self, call: Call, path: str, params: Params | None = None) -> None:
        await self._json(call, "DELETE", path, params, None)

    async def _json(
        self, call: Call, method: str, path: str, params: Params | None, body: object
    ) -> Any:
        data = None if body is None else msgspec.json.encode(body)
        with self._translated(call):
            async with self._session.request(
                method,
                self._url(path, params),
                data=data,
                headers=_JSON if data is not None else None,
                timeout=aiohttp.ClientTimeout(total=call.deadline_s),
            ) as response:
                text = await response.read()
                status = response.status
        if status >= 400:
            raise refused(call, status, _message(text))
        return msgspec.json.decode(text) if text else None

    @asynccontextmanager
    async def stream(
        self,
        call: Call,
        request: tuple[str, str],
        *,
        params: Params | None = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to ``request`` (method, path) with its body unread.

        The deadline of ``call`` is for the head of the answer; its body may last. Errors while
        the body is read are translated too, as long as it is read inside the ``async with``.
        """
        method, path = request
        with self._translated(call):
            async with asyncio.timeout(call.deadline_s):
                response = await self._session.request(
                    method, self._url(path, params), data=body, headers=headers
                )
            async with response:
                if response.status >= 400:
                    raise refused(call, response.status, _message(await response.read()))
                yield response

    async def hijack(
        self, call: Call, path: str, params: Params | None = None, body: object = None
    ) -> Hijacked:
        """POST, and take the connection over: see :mod:`tabib.engines.docker.hijack`."""
        way, secure = self.address, False
        if self._bridge:
            way = EndpointAddress(url=f"unix://{self._bridge.path}")
        elif not self.address.url.startswith("unix://"):
            secure = _is_secure(self.address)
        url = self._url(path, params)
        return await hijack(
            call, way, _tls(self.address) if secure else None, url.raw_path_qs, body
        )

    async def negotiate(self) -> None:
        """Agree on an API version: the newest that both sides speak.

        :raises EngineUnavailable: the engine does not answer, or is older than 20.10.
        """
        call = Call(
            attempted="reach the engine", target=self.address.url, deadline_s=PROBE_DEADLINE_S
        )
        async with self.stream(call, ("GET", "/_ping")) as response:
            offered = response.headers.get("Api-Version", "")
            await response.read()
        try:
            major, _, minor = offered.partition(".")
            version = (int(major), int(minor))
        except ValueError:
            raise EngineUnavailable(
                "something answers there, but it is not a Docker Engine",
                attempted=call.attempted,
                target=call.target,
                advice="Check DOCKER_HOST and the current docker context.",
            ) from None
        if version < OLDEST:
            raise too_old(call, offered)
        self.api = min(version, NEWEST)
        self._prefix = f"{self._base}/v{self.api[0]}.{self.api[1]}"

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        await self._session.close()
        if self._bridge:
            await self._bridge.close()

    def _url(self, path: str, params: Params | None) -> URL:
        # encoded=True: quoting by urlencode is enough, and yarl's own costs as much as the call
        query = f"?{urlencode(params)}" if params else ""
        return URL(f"{self._prefix}{path}{query}", encoded=True)

    @contextmanager
    def _translated(self, call: Call) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            said = self._bridge.last_words if self._bridge else ""
            raise unreachable(call, error, self.address.url, said) from error


async def open_gateway(address: EndpointAddress) -> Gateway:
    """Connect to the engine at ``address`` and negotiate.

    :raises EngineUnavailable: it cannot be reached (:class:`EngineForbidden`: no right).
    :raises UsageError: the address is of a kind that is not known.
    """
    ssh = urlsplit(address.url).scheme == "ssh"
    bridge = await SshBridge.start(address.url) if ssh else None
    connector, base = _way(address, bridge)
    session = aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        # Archives are passed on as they come: without this the engine sends them gzipped.
        headers={"Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=PROBE_DEADLINE_S),
    )
    gateway = Gateway(session, base, address, bridge)
    try:
        await gateway.negotiate()
    except BaseException:
        await gateway.close()
        raise
    return gateway


def _way(address: EndpointAddress, bridge: SshBridge | None) -> tuple[aiohttp.BaseConnector, str]:
    """(what connects, how URLs begin). No limit on connections: followed streams keep theirs."""
    url = urlsplit(address.url)
    if bridge:
        return aiohttp.UnixConnector(path=bridge.path, limit=0), "http://docker"
    if url.scheme == "unix":
        return aiohttp.UnixConnector(path=url.path, limit=0), "http://docker"
    if url.scheme in ("tcp", "http", "https"):
        secure = _is_secure(address)
        connector = aiohttp.TCPConnector(limit=0, ssl=_tls(address) if secure else False)
        scheme = "https" if secure else "http"
        return connector, f"{scheme}://{url.netloc}{url.path.rstrip('/')}"
    raise UsageError(
        f"no way to speak {url.scheme or 'that'} to an engine",
        attempted="reach the engine",
        target=address.url,
        advice="Use unix://, tcp:// or ssh://.",
    )


def _is_secure(address: EndpointAddress) -> bool:
    return address.url.startswith("https://") or bool(address.tls_ca or address.tls_cert)


def _tls(address: EndpointAddress) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=address.tls_ca or None)
        if address.tls_cert:
            context.load_cert_chain(address.tls_cert, address.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        raise EngineUnavailable(
            f"its TLS material cannot be read: {error}",
            attempted="reach the engine",
            target=address.url,
            advice="Check DOCKER_CERT_PATH: it wants ca.pem, cert.pem and key.pem.",
        ) from error
    if not address.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _message(text: bytes) -> str:
    """The engine's own words: ``{"message": …}``, or the text itself."""
    try:
        return str(msgspec.json.decode(text)["message"]).strip()
    except (msgspec.DecodeError, KeyError, TypeError):
        return text.decode(errors="replace").strip()
