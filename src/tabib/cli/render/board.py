"""What is known of a running operation, built from its stream of messages. Pure.

One row for each thing that changes (an image, a network, a volume, a container); ``now`` is
seconds on any clock that only goes forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_KINDS = {
    "pull_image": ("image", "pulling", "pulled"),
    "build_image": ("image", "building", "built"),
    "push_image": ("image", "pushing", "pushed"),
    "tag_image": ("image", "tagging", "tagged"),
    "create_network": ("network", "creating", "created"),
    "remove_network": ("network", "removing", "removed"),
    "create_volume": ("volume", "creating", "created"),
    "remove_volume": ("volume", "removing", "removed"),
    "create_container": ("container", "creating", "created"),
    "start_container": ("container", "starting", "started"),
    "stop_container": ("container", "stopping", "stopped"),
    "restart_container": ("container", "restarting", "restarted"),
    "kill_container": ("container", "killing", "killed"),
    "pause_container": ("container", "pausing", "paused"),
    "unpause_container": ("container", "unpausing", "unpaused"),
    "remove_container": ("container", "removing", "removed"),
    "rename_container": ("container", "renaming", "renamed"),
    "connect_network": ("container", "connecting", "connected"),
    "disconnect_network": ("container", "disconnecting", "disconnected"),
    "wait": ("container", "waiting", "ready"),
    "copy_data": ("data", "copying", "copied"),
    "restore_data": ("data", "restoring", "restored"),
    "check_data": ("data", "checking", "checked"),
    "export_data": ("data", "exporting", "exported"),
}
GROUPS = ("image", "network", "volume", "container", "data", "other")
_SETTLED_S = 1.0
"""A rate over less time than this says nothing."""
_GOOD = ("healthy", "ready", "completed")


@dataclass(slots=True)
class Row:
    """One thing and its way. ``state``: ``waiting``, ``active``, ``done`` or ``failed``."""

    group: str
    subject: str
    text: str = ""
    state: str = "waiting"
    begun: float | None = None
    ended: float | None = None
    current_bytes: int | None = None
    total_bytes: int | None = None
    open_steps: int = 0
    first_bytes: tuple[float, int] | None = None
    """When the first bytes of the step under way were told, and how many."""

    def seconds(self, now: float) -> float | None:
        """How long it has been at work, over all its steps; None before it begins."""
        if self.begun is None:
            return None
        return (self.ended if self.ended is not None else now) - self.begun

    def rate(self, now: float) -> float | None:
        """Bytes a second of the step under way; None while that cannot be said."""
        if self.first_bytes is None or self.current_bytes is None:
            return None
        at, count = self.first_bytes
        if now - at < _SETTLED_S or self.current_bytes <= count:
            return None
        return (self.current_bytes - count) / (now - at)

    def seconds_left(self, now: float) -> float | None:
        """Until all bytes are done, as far as that can be said."""
        rate = self.rate(now)
        if rate is None or not self.total_bytes or self.current_bytes is None:
            return None
        return max(self.total_bytes - self.current_bytes, 0) / rate


@dataclass(frozen=True, slots=True)
class Change:
    """One line's worth of news. ``kind``: ``step``, ``progress``, ``output``, ``note``,
    ``warning``, ``failed`` or ``skipped``."""

    kind: str
    text: str
    row: Row | None = None


@dataclass(slots=True)
class Board:
    """The state of one operation. :meth:`apply` takes each message once, in order."""

    operation: str = ""
    project: str = ""
    release: int | None = None
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    plan: tuple[Mapping[str, Any], ...] = ()
    """Steps of all plans so far: images are pulled by one of their own."""
    notes: list[str] = field(default_factory=list)
    unattended: tuple[str, ...] = ()
    """Services that nothing but the daemon restarts."""
    shows_output: bool = False
    """Whether what builds write is news."""
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    def apply(self, message: Mapping[str, Any], now: float) -> list[Change]:
        """Take a message in; what is new for a person who reads lines."""
        handler = {
            "operation": self._operation,
            "note": self._note,
            "plan": self._plan,
            "step": self._step,
            "progress": self._progress,
            "output": self._output,
            "container": self._container,
            "restarts": self._restarts,
            "result": self._result,
            "error": self._error,
        }.get(str(message.get("type")))
        return handler(message, now) if handler else []

    def ordered(self) -> list[Row]:
        """Rows by group, each group in order of appearance."""
        return sorted(self.rows.values(), key=lambda row: GROUPS.index(row.group))

    def _operation(self, message: Mapping[str, Any], _: float) -> list[Change]:
        self.operation = str(message.get("id", ""))
        self.project = str(message.get("project") or "")
        return []

    def _note(self, message: Mapping[str, Any], _: float) -> list[Change]:
        text = str(message.get("text", ""))
        if text in self.notes:
            return []
        self.notes.append(text)
        return [Change("warning" if message.get("level") == "warning" else "note", text)]

    def _plan(self, message: Mapping[str, Any], _: float) -> list[Change]:
        steps = tuple(message.get("steps") or ())
        self.plan += steps
        self.project = str(message.get("project") or self.project)
        self.release = message.get("release") or self.release
        for step in steps:
            if step.get("verb") != "tag_image":
                self._row(str(step.get("verb")), str(step.get("subject"))).open_steps += 1
        changes: list[Change] = []
        for text in message.get("notes") or ():
            changes += self._note({"text": text}, 0.0)
        return changes

    def _row(self, verb: str, subject: str) -> Row:
        group = _KINDS.get(verb, ("other", "", ""))[0]
        # The daemon says `network shop_default`; here the group's name stands before it.
        subject = subject.removeprefix(f"{group} ")
        return self.rows.setdefault((group, subject), Row(group, subject, text="queued"))

    def _step(self, message: Mapping[str, Any], now: float) -> list[Change]:
        verb, state = str(message.get("verb")), str(message.get("state"))
        if verb == "tag_image":
            return []  # Bookkeeping of ours: nobody needs to see it unless it fails loudly.
        row = self._row(verb, str(message.get("subject")))
        doing, done = _KINDS.get(verb, ("other", verb, f"{verb} done"))[1:]
        if state == "started":
            return self._step_started(row, doing, now)
        row.open_steps = max(row.open_steps - 1, 0)
        if state == "done":
            text = done if verb != "wait" or row.text not in _GOOD else row.text
            news = text != row.text
            row.text, row.current_bytes, row.total_bytes = text, None, None
            row.first_bytes = None
            if row.open_steps == 0:
                row.state, row.ended = "done", now
            return [Change("step", text, row)] if news else []
        return self._step_failed(row, state, message, now)

    def _step_started(self, row: Row, doing: str, now: float) -> list[Change]:
        row.state = "active"
        row.begun = now if row.begun is None else row.begun
        row.ended = None
        if doing == "waiting":
            # The container's own messages say more than that somebody waits for it.
            return []
        row.text, row.first_bytes = doing, None
        return [Change("step", doing, row)]

    def _step_failed(
        self, row: Row, state: str, message: Mapping[str, Any], now: float
    ) -> list[Change]:
        if row.state == "failed":
            return []
        error = message.get("error") or {}
        row.state, row.ended = ("failed" if state == "failed" else "waiting"), now
        row.text = {"failed": "failed", "skipped": "skipped"}.get(state, "not done")
        if error.get("happened"):
            row.text += f": {error['happened']}"
        return [Change("failed" if state == "failed" else "skipped", row.text, row)]

    def _progress(self, message: Mapping[str, Any], now: float) -> list[Change]:
        row = self._row(self._verb_of(str(message.get("id"))), str(message.get("subject")))
        row.current_bytes = message.get("current_bytes")
        row.total_bytes = message.get("total_bytes")
        if row.group == "data" and row.first_bytes is None and row.current_bytes is not None:
            row.first_bytes = (now, row.current_bytes)
        text = str(message.get("text") or "")
        if row.begun is None and self._verb_of(str(message.get("id"))) == "copy_data":
            text = text or "first pass"  # Of what is copied once more while everybody stands still.
        news = bool(text) and text != row.text
        if text:
            row.text = text
        row.state = "active"
        row.begun = now if row.begun is None else row.begun
        # Each instruction of a build is news; how far layers have come is not.
        is_build = self._verb_of(str(message.get("id"))) == "build_image"
        shown = is_build and news and not self.shows_output
        return [Change("step" if shown else "progress", row.text, row)]

    def _verb_of(self, step_id: str) -> str:
        for step in reversed(self.plan):
            if step.get("id") == step_id:
                return str(step.get("verb"))
        return "pull_image"

    def _output(self, message: Mapping[str, Any], _: float) -> list[Change]:
        if not self.shows_output:
            return []
        subject = str(message.get("subject")).removeprefix("image ")
        return [Change("output", f"{subject} │ {message.get('text')}")]

    def _container(self, message: Mapping[str, Any], now: float) -> list[Change]:
        key = ("container", str(message.get("name")))
        row = self.rows.setdefault(key, Row(*key))
        status, health = str(message.get("status") or ""), str(message.get("health") or "")
        text = health if status == "running" and health else status
        if health == "starting":
            text = "started, not yet healthy"
        if not text or text == row.text or row.state == "failed":
            return []
        if status == "running" and not health and row.text == "started":
            return []
        row.text = text
        row.begun = now if row.begun is None else row.begun
        return [Change("step", text, row)]

    def _restarts(self, message: Mapping[str, Any], _: float) -> list[Change]:
        self.unattended = tuple(map(str, message.get("services") or ()))
        return []

    def done(self) -> list[str]:
        """Containers on which something was done."""
        rows = self.rows.values()
        return [row.subject for row in rows if row.group == "container" and row.state == "done"]

    def _result(self, message: Mapping[str, Any], _: float) -> list[Change]:
        self.result = {key: value for key, value in message.items() if key != "type"}
        return []

    def _error(self, message: Mapping[str, Any], _: float) -> list[Change]:
        self.error = message.get("error") or {}
        return []
