"""Entries to records."""

from __future__ import annotations

from datetime import datetime, timedelta

from tabib.decide.processes.blame import killer
from tabib.decide.processes.command_line import shown
from tabib.decide.processes.entry import OWN_IMAGE, Entry
from tabib.decide.redact import Redactor
from tabib.model.process import ProcessRecord

_COMMANDS_KEPT = 4096
_NAME_BYTES = 15
"""The kernel cuts names here (TASK_COMM_LEN)."""


class Records:
    """Makes records. Command lines repeat: the latest are redacted once."""

    def __init__(self, engine_id: str, boot_at: datetime) -> None:
        self.engine_id = engine_id
        self.boot_at = boot_at
        self._redactors: dict[str, Redactor] = {}
        self._patterns = Redactor.knowing()
        self._shown: dict[tuple[str, tuple[str, ...]], str] = {}

    def know_secrets(self, container_id: str, redactor: Redactor) -> None:
        self._redactors[container_id] = redactor
        self._shown.clear()

    def forget(self, container_id: str) -> None:
        self._redactors.pop(container_id, None)

    def of(self, entry: Entry) -> ProcessRecord:
        """The record as it stands; of an ended process with its end."""
        ended = entry.ended
        code = entry.exit_code if ended and not entry.assumed else None
        signal = (code or 0) & 0x7F
        measured = entry.measured or bool(entry.seen_cpu_us or entry.peak_memory_bytes)
        return ProcessRecord(
            engine_id=self.engine_id,
            container_id=entry.container_id,
            pid=entry.pid,
            ppid=entry.ppid,
            started_ns=entry.start_ns,
            started_at=self._time(entry.fork_ns or entry.start_ns),
            name=self._name(entry, entry.name),
            command=self._command(entry),
            command_complete=entry.command is not None and entry.command[-1:] != ("…",),
            user=entry.uid or 0,
            ended_at=self._time(entry.exit_ns or entry.over_ns) if ended else None,
            exit_code=code >> 8 if code is not None and not signal else None,
            signal=signal or None,
            killed_by=self._name(entry, killer(entry)) if signal else "",
            cpu_seconds=max(entry.cpu_us, entry.seen_cpu_us) / 1e6 if measured else None,
            peak_memory_bytes=entry.peak_memory_bytes if measured else None,
            read_bytes=entry.read_bytes if measured else None,
            written_bytes=entry.written_bytes if measured else None,
            assumed=entry.assumed,
        )

    def _time(self, boot_ns: int) -> datetime:
        return self.boot_at + timedelta(microseconds=boot_ns // 1000)

    def _name(self, entry: Entry, name: str) -> str:
        """A process names itself as it likes, after what it knows too; also one that kills."""
        redactor = self._redactors.get(entry.container_id)
        if redactor is None:
            return name
        bare, bracket, rest = name.partition("[")
        return redactor.name(bare, _NAME_BYTES) + bracket + rest

    def _command(self, entry: Entry) -> str:
        command = entry.command
        if command is None:
            # Of one that executes itself the name says more.
            own = entry.file.startswith(OWN_IMAGE)
            command = (entry.name if own else entry.file or entry.name,)
        key = (entry.container_id, command)
        text = self._shown.get(key)
        if text is None:
            if len(self._shown) >= _COMMANDS_KEPT:
                self._shown.clear()
            text = shown(command, self._redactors.get(entry.container_id, self._patterns))
            self._shown[key] = text
        return text
