"""Notices: what is told to whom, and how that went. URLs stand here as vault references only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

USUAL_LIMIT = 10
"""Messages to one destination within ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyRule:
    """Whom to tell of what. What is empty is as the host's own settings say.

    ``url``: a vault reference wherever it is kept. ``label``: ``scheme://****``.
    ``quiet_hours``: ``22:00-07:00`` or ``none``; ``timezone``: a name as ``Europe/Berlin``.
    """

    url: str
    label: str = ""
    min_severity: str = ""
    on: tuple[str, ...] = ()
    quiet_hours: str = ""
    timezone: str = ""


RulesByService = Mapping[str, tuple[NotifyRule, ...]]
"""Service → its rules; ``""``: those of the project, for services without an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell one destination, once. All text is redacted.

    ``id`` is made of destination, incident, ``era`` and kind: the same thing has the same id.
    """

    id: str
    destination: str
    kind: str
    """``open``, ``needs_human``, ``recovery`` or ``summary``."""
    at: datetime
    """When it happened."""
    incident: str
    era: str
    """Which of the incident's times: it may come back after it was closed."""
    project: str
    service: str
    severity: str
    title: str
    head: str
    """The text in one line, for a message about several."""
    text: str
    quiet_hours: str = ""
    timezone: str = ""

    @property
    def urgent(self) -> bool:
        """Whether it waits for nothing: neither for others to be told with it nor for a morning."""
        return self.kind == "needs_human" and self.severity == "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice that was delivered, within the message ``message``. ``told_as``: ``single``,
    ``digest``, ``flapping``, or ``covered`` (by a later notice of the same incident in it)."""

    notice: Notice
    message: str
    at: datetime
    told_as: str = "single"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where messages go, and how the last ones fared. ``id`` is made from the vault reference."""

    id: str
    url: str
    label: str
    known_since: datetime
    failures: int = 0
    """Attempts without success since the last delivery."""
    retry_at: datetime | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""
    """Why the last attempt failed; empty once one succeeded. Without secrets."""
    given_up: int = 0
    """Notices that could not be delivered within a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, ready to be sent. ``report``: Markdown to attach where the service can."""

    title: str
    body: str
    severity: str = "info"
    recovered: bool = False
    report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How one attempt ended. ``why`` is empty where it was delivered; it holds no secret."""

    delivered: bool
    why: str = ""
    seconds: float = 0.0
