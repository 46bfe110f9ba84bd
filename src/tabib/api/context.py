"""What routes share: the sites, the running operations, and how the daemon is to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import msgspec
from starlette.requests import Request

from tabib.model.codec import decode
from tabib.model.errors import UsageError
from tabib.model.wire import ENDPOINT_HEADER, EndpointAddress
from tabib.operations.notifying import Notifying
from tabib.operations.operation import Operations
from tabib.operations.site import Site, Sites

T = TypeVar("T")
DEFAULT_ENDPOINT = EndpointAddress(url="unix:///var/run/docker.sock")


@dataclass(slots=True, kw_only=True)
class Context:
    sites: Sites
    operations: Operations
    stop: Callable[[], None]
    background: bool
    private: bool
    started_at: datetime
    notifying: Notifying | None = None


def context(request: Request) -> Context:
    """The daemon's context of a request."""
    found: Context = request.app.state.context
    return found


async def site(request: Request) -> Site:
    """The engine that the request names.

    :raises EngineUnavailable: it does not answer.
    """
    header = request.headers.get(ENDPOINT_HEADER)
    address = decode(header, EndpointAddress) if header else DEFAULT_ENDPOINT
    return await context(request).sites.get(address)


async def recorded_site(request: Request) -> Site:
    """As :func:`site`; an engine that is known already need not answer: what was recorded of it can
    be read all the same."""
    header = request.headers.get(ENDPOINT_HEADER)
    url = (decode(header, EndpointAddress) if header else DEFAULT_ENDPOINT).url
    known = (one for one in context(request).sites.known if one.tools.address.url == url)
    return next(known, None) or await site(request)


async def body(request: Request, kind: type[T]) -> T:
    """The request's JSON body as ``kind``.

    :raises UsageError: it does not fit.
    """
    data = await request.body()
    try:
        return decode(data or b"{}", kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageError(
            f"the request does not fit: {error}",
            attempted=request.method,
            target=request.url.path,
            advice="The command and the daemon may be of different versions.",
        ) from error


def flag(request: Request, name: str) -> bool:
    """A query parameter that is on or off."""
    return request.query_params.get(name, "").lower() in ("1", "true", "yes")


def instant(request: Request, name: str) -> datetime | None:
    """A query parameter that is an RFC 3339 time.

    :raises UsageError: it is not.
    """
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not an RFC 3339 time", attempted="read", target=name
        ) from error
    if found.tzinfo is None:
        raise UsageError(f"{text!r} has no time zone", attempted="read", target=name)
    return found


def number(request: Request, name: str) -> int | None:
    """A query parameter that is a whole number; None where it is not given.

    :raises UsageError: it is not one.
    """
    text = request.query_params.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{text!r} is not a number", attempted="read", target=name)
    return int(text)
