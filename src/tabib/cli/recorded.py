"""What commands about the recorder share: the project at hand, streams of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tabib.cli.project import name_or_all
from tabib.cli.settings import Settings
from tabib.model.errors import ConfigError, from_wire

Row = Mapping[str, Any]


def at_hand(settings: Settings, target: str) -> str:
    """The project that bare names of services are of; empty where there is none. A file that is
    wrong does not stand in the way of a target that is named."""
    try:
        return name_or_all(settings)
    except ConfigError:
        if not target:
            raise
        return ""


def query_of(settings: Settings, target: str, **more: Any) -> dict[str, Any]:
    """The query of a route of the recorder."""
    return {"target": target or None, "project": at_hand(settings, target) or None, **more}


def checked(messages: Iterable[Row]) -> Iterator[Row]:
    """The rows of a stream.

    :raises TabibError: the daemon ended it with an error.
    """
    for message in messages:
        if message.get("type") == "error":
            raise from_wire(message.get("error") or {})
        yield message
