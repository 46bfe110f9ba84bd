"""The one error tree, branching by remedy: what the reader of the error can do about it.

::

    TabibError
    ├── UsageError            the command was called wrongly                        exit 2
    ├── Refused               safety, another owner, needs a confirmation           exit 3
    │   ├── OwnedElsewhere    another installation owns this engine
    │   ├── LeaseHeld         another operation works on the project
    │   └── NeedsConfirmation a plan that loses data wants ``--yes``
    ├── ConfigError           the Compose file or configuration is wrong            exit 4
    ├── EngineUnavailable     the engine does not answer                            exit 5
    │   ├── EngineForbidden   no right on its socket
    │   └── EngineTimeout     it answered too late: retry
    ├── StartFailed           could not start or become healthy                     exit 6
    │   ├── ImageUnavailable  an image cannot be had
    │   ├── BuildFailed       an image cannot be built
    │   ├── PortTaken         a published port is in use
    │   └── NotHealthy        it runs, but its health check fails or it exited
    ├── Damaged               damaged data                                          exit 7
    │   └── RepositoryDamaged     a repository of snapshots is
    ├── RepositoryTrouble     copies cannot be kept or had there                    exit 6
    │   ├── RepositoryMissing     there is none at the address
    │   ├── RepositoryKeyWrong    the key does not fit
    │   ├── RepositoryUnreachable it does not answer
    │   ├── RepositoryLocked      somebody else works on it
    │   └── RepositoryFull        no room
    ├── CopyFailed            a data set could not be copied, filled or asked     exit 6
    ├── StateUnusable         tabib's own state: full, read-only, newer             exit 8
    ├── EngineError           the engine said no to one call
    │   ├── NotFound          what was asked for is not there                       exit 2
    │   └── Conflict          name or state conflict: observe again                 exit 6
    ├── Interrupted           a person asked to stop                                exit 130
    └── Bug                   ours                                                  exit 70

Exit codes are assigned in one table, ``tabib.cli.exit_codes``, by ``kind``.
Every message says what was attempted, on what, what happened, and what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class TabibError(Exception):
    """Base of all errors that tabib raises on purpose; they are written for users.

    :param happened: what went wrong, a clause without a final stop.
    :param attempted: what was being done, e.g. ``"start container"``.
    :param target: on what, e.g. ``"shop-web-1"``.
    :param advice: what to do next, one sentence.
    :param details: further machine-readable facts (JSON values only, never secrets).
    """

    kind: ClassVar[str] = "error"

    def __init__(
        self,
        happened: str,
        *,
        attempted: str = "",
        target: str = "",
        advice: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(happened)
        self.happened = happened
        self.attempted = attempted
        self.target = target
        self.advice = advice
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        head = " ".join(part for part in (self.attempted, self.target) if part)
        text = f"{head}: {self.happened}" if head else self.happened
        return f"{text}\n  → {self.advice}" if self.advice else text

    def to_wire(self) -> dict[str, Any]:
        """The error as JSON values, as the API sends it; :func:`from_wire` reads it."""
        return {
            "kind": self.kind,
            "happened": self.happened,
            "attempted": self.attempted,
            "target": self.target,
            "advice": self.advice,
            "details": self.details,
        }


class UsageError(TabibError):
    """The command was called wrongly."""

    kind = "usage"


class Refused(TabibError):
    """tabib will not do this, for safety's sake."""

    kind = "refused"


class OwnedElsewhere(Refused):
    """Another tabib installation owns this engine."""

    kind = "owned_elsewhere"


class LeaseHeld(Refused):
    """Another operation works on the same project."""

    kind = "lease_held"


class NeedsConfirmation(Refused):
    """The plan loses data and wants ``--yes``."""

    kind = "needs_confirmation"


class ConfigError(TabibError):
    """The Compose file or a configuration is wrong.

    ``details["problems"]`` lists ``{file, line, column, path, message, suggestion, source}``.
    """

    kind = "config"


class EngineUnavailable(TabibError):
    """The engine does not answer."""

    kind = "engine_unavailable"


class EngineForbidden(EngineUnavailable):
    """No right on the engine's socket."""

    kind = "engine_forbidden"


class EngineTimeout(EngineUnavailable):
    """The engine did not answer within the call's deadline; it may still act on it."""

    kind = "engine_timeout"


class StartFailed(TabibError):
    """Something could not be started."""

    kind = "start_failed"


class ImageUnavailable(StartFailed):
    """An image cannot be had."""

    kind = "image_unavailable"


class BuildFailed(StartFailed):
    """An image cannot be built; ``details`` may have ``dockerfile``, ``line``, ``instruction``,
    ``exit_code`` and ``log_tail``, the last lines that the build wrote."""

    kind = "build_failed"


class PortTaken(StartFailed):
    """A published port is in use; ``details`` has ``port``, ``protocol`` and ``holder``."""

    kind = "port_taken"


class NotHealthy(StartFailed):
    """It was started, but exited or its health check fails."""

    kind = "not_healthy"


class Damaged(TabibError):
    """Data is damaged."""

    kind = "damaged"


class RepositoryDamaged(Damaged):
    """A repository of snapshots lacks something or holds something wrong. Never to be taken for an
    empty one."""

    kind = "repository_damaged"


class RepositoryTrouble(TabibError):
    """Copies of data cannot be kept in, or had from, a repository."""

    kind = "repository_trouble"


class RepositoryMissing(RepositoryTrouble):
    """There is no repository at the address."""

    kind = "repository_missing"


class RepositoryKeyWrong(RepositoryTrouble):
    """The key does not open the repository."""

    kind = "repository_key_wrong"


class RepositoryUnreachable(RepositoryTrouble):
    """The repository's server or folder does not answer, or refuses."""

    kind = "repository_unreachable"


class RepositoryLocked(RepositoryTrouble):
    """Another living process holds the repository."""

    kind = "repository_locked"


class RepositoryFull(RepositoryTrouble):
    """There is no room where the repository is."""

    kind = "repository_full"


class CopyFailed(TabibError):
    """A data set could not be copied, written back or asked, for a reason that is not damage: the
    database refuses the password, lacks a program, is of another version."""

    kind = "copy_failed"


class StateUnusable(TabibError):
    """tabib's own state folder cannot be used: full, read-only, or from a newer version."""

    kind = "state_unusable"


class EngineError(TabibError):
    """The engine refused one call; ``details["status"]`` is its HTTP status."""

    kind = "engine_error"


class NotFound(EngineError):
    """What was asked for is not there."""

    kind = "not_found"


class Conflict(EngineError):
    """A name or a state is in the way: observe again."""

    kind = "conflict"


class Interrupted(TabibError):
    """A person (Ctrl-C) or a shutdown asked the operation to stop at a safe step."""

    kind = "interrupted"


class Bug(TabibError):
    """A mistake of tabib's own."""

    kind = "bug"


def _tree(root: type[TabibError]) -> dict[str, type[TabibError]]:
    found = {root.kind: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


def from_wire(data: Mapping[str, Any]) -> TabibError:
    """Rebuild an error that :meth:`TabibError.to_wire` wrote; unknown kinds become the base."""
    cls = _tree(TabibError).get(str(data.get("kind")), TabibError)
    return cls(
        str(data.get("happened", "unknown error")),
        attempted=str(data.get("attempted", "")),
        target=str(data.get("target", "")),
        advice=str(data.get("advice", "")),
        details=data.get("details") or {},
    )
