"""What an engine makes of each property of a Compose file: honoured, degraded, refused.

A property is named by its path in the canonical model, without the names that a user gives:
``services.deploy.placement``, ``services.networks.gw_priority``, ``networks.driver``. A path that
ends in ``=value`` speaks of that value alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ApiVersion = tuple[int, int]


class Level(StrEnum):
    HONOURED = "honoured"
    DEGRADED = "degraded"
    """Accepted, and told of: without effect, or with another one than written."""
    REFUSED = "refused"
    NOT_YET = "not yet"
    """tabib has no such engine yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What becomes of one property. ``how``: a clause for people, empty where all is said."""

    level: Level = Level.HONOURED
    how: str = ""
    since: ApiVersion | None = None
    """From this version of the engine's API on it is honoured; what stands above holds before."""

    def on(self, api: ApiVersion | None) -> Support:
        """What holds for an engine that speaks ``api``; itself where that is not known."""
        if self.since is not None and api is not None and api >= self.since:
            return Support()
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """One engine's answers. A path that is not listed is answered by the one above it.

    ``api``: the version that a connected engine speaks; None: any.
    """

    engine: str
    title: str
    supports: Mapping[str, Support]
    otherwise: Support = Support()
    api: ApiVersion | None = None

    def support(self, path: str, value: object = None) -> Support:
        """The most particular answer for ``path`` (with ``value``, where it is a plain one)."""
        exact = self.supports.get(f"{path}={value}") if isinstance(value, str) else None
        while exact is None and path:
            exact = self.supports.get(path)
            path = path.rpartition(".")[0]
        return (exact or self.otherwise).on(self.api)

    def below(self, path: str) -> bool:
        """Whether something under ``path`` has an answer of its own."""
        return any(known.startswith((f"{path}.", f"{path}=")) for known in self.supports)
