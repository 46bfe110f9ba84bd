"""JSON for the nouns: one encoder and decoder (msgspec), used by stores, API and client."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def encode(value: object) -> bytes:
    """JSON bytes of any noun; datetimes become RFC 3339, mappings keep their order."""
    return msgspec.json.encode(value)


def decode(data: bytes | str, kind: type[T]) -> T:
    """The noun of ``kind`` in ``data``.

    :raises msgspec.ValidationError: the JSON does not fit ``kind``.
    """
    return msgspec.json.decode(data, type=kind)


def builtins(value: object) -> Any:
    """The noun as plain JSON values (dict, list, str, …)."""
    return msgspec.to_builtins(value)


def convert(value: Any, kind: type[T]) -> T:
    """Plain JSON values → noun of ``kind``; the inverse of :func:`builtins`."""
    return msgspec.convert(value, kind)
