"""What an engine reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tabib.model.container import (
    LABEL_NUMBER,
    LABEL_ONEOFF,
    LABEL_PROJECT,
    LABEL_SERVICE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the engine, normalised.

    ``kind``: ``container``, ``network``, ``volume``, ``image`` or ``daemon``. ``action``: the
    engine's word without its detail (``health_status: healthy`` becomes action ``health_status``
    with attribute ``health`` = ``healthy``; ``exec_*`` events are left out by the adapter).
    Container attributes include the container's labels, ``image``, ``name``, and where they apply
    ``exitCode`` and ``signal`` (decimal strings). ``time_ns`` orders and identifies.
    """

    at: datetime
    time_ns: int
    kind: str
    action: str
    id: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return self.attributes.get(LABEL_PROJECT, "")

    @property
    def service(self) -> str:
        return self.attributes.get(LABEL_SERVICE, "")

    @property
    def slot(self) -> int:
        number = self.attributes.get(LABEL_NUMBER, "0")
        return int(number) if number.isdigit() else 0

    @property
    def oneoff(self) -> bool:
        return self.attributes.get(LABEL_ONEOFF, "").lower() == "true"

    @property
    def exit_code(self) -> int | None:
        code = self.attributes.get("exitCode", "")
        return int(code) if code.lstrip("-").isdigit() else None
