"""One project: a database, somebody who writes to it, and what can be seen of both from outside."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from damage.databases import OLD, SERVER, Database
from support.installation import Done, Installation, until

UP_S = 300.0
_LOOP = """n=0
while :; do
  n=$((n+1))
  if {add} 2>/dev/null >/dev/null; then echo "$n $(date +%s.%N)"; fi
  sleep 0.3
done"""


@dataclass(slots=True)
class Patient:
    tabib: Installation
    database: Database
    name: str
    project: Path
    acks: Path
    """Acknowledged rows, one a line: its number, and when; written by a process of this machine."""
    bind: Path | None = None
    noted: dict[str, str] = field(default_factory=dict)
    table: Path = Path()
    stopped: Event = field(default_factory=Event)
    """Nothing is waited for any more: the run was interrupted."""
    _writer: subprocess.Popen[bytes] | None = None
    _watcher: subprocess.Popen[bytes] | None = None

    # ── its life ───────────────────────────────────────────────────────────────────────────────

    def up(self, text: str) -> None:
        self.tabib.project(self.project, text, self.name.removeprefix(self.tabib.prefix))
        (self.project / "server.py").write_text(SERVER.read_text())
        self.tabib("up", cwd=self.project, timeout_s=UP_S).well()
        if self.database.fill:
            self.client(self.database.fill)
        assert self.old().startswith(str(OLD)) or str(OLD) in self.old(), self.old()
        self.noted["old"] = self.old()

    def write(self) -> None:
        """Begin to write; it goes on until :meth:`end`."""
        with self.acks.open("wb") as kept:
            loop = self.database.loop or _LOOP.replace("{add}", self.database.add)
            self._writer = subprocess.Popen(
                self.client_words(loop), stdout=kept, stderr=subprocess.DEVNULL
            )
        self._watch()
        until(lambda: len(self.acked()) >= 5, 60, "acknowledged rows")

    def end(self) -> None:
        for one in (self._writer, self._watcher):
            if one is not None:
                one.kill()
                one.wait()

    def start(self) -> None:
        """As the person who put something right does."""
        self.tabib("start", "db", cwd=self.project, timeout_s=120)

    # ── what was acknowledged, and what is there ───────────────────────────────────────────────

    def acked(self) -> dict[int, float]:
        """Row → when its insertion had been acknowledged, seconds since 1970."""
        lines = self.acks.read_text().splitlines(keepends=True)
        pairs = [one.split() for one in lines if one.endswith("\n")]
        return {int(number): float(at) for number, at in pairs}

    def rows(self) -> dict[int, str]:
        """Row → its words."""
        said = self.client(self.database.rows)
        return {int(one.split()[0]): one.split()[1] for one in said.splitlines() if one.strip()}

    def old(self) -> str:
        return self.client(self.database.old).strip()

    # ── the engine behind its back ─────────────────────────────────────────────────────────────

    @property
    def _events(self) -> Path:
        return self.acks.with_suffix(".events")

    @property
    def db(self) -> str:
        return f"{self.name}-db-1"

    @property
    def volume(self) -> str:
        return f"{self.name}_data"

    def folder(self) -> Path:
        """The folder of its data, now."""
        if self.bind is not None:
            return self.bind
        found = self.tabib.engine.call("GET", f"/volumes/{self.volume}")
        return Path(str((found.get("Options") or {}).get("device") or found["Mountpoint"]))

    def client_words(self, script: str) -> list[str]:
        return ["docker", "exec", f"{self.name}-app-1", "sh", "-c", script]

    def client(self, script: str, *, check: bool = True) -> str:
        done = subprocess.run(
            self.client_words(script), capture_output=True, text=True, timeout=120, check=False
        )
        assert not check or done.returncode == 0, f"{script[:200]}: {done.stdout}{done.stderr}"
        return done.stdout

    def docker(self, *words: str, check: bool = True) -> int:
        done = subprocess.run(
            ["docker", *words], capture_output=True, text=True, timeout=60, check=False
        )
        assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.returncode

    def health(self) -> str:
        found = self.tabib.inspect(self.db)
        if found is None:
            return "none"
        return str((found["State"].get("Health") or {}).get("Status", found["State"]["Status"]))

    def started_at(self) -> str:
        """When its run that is the newest began."""
        found = self.tabib.inspect(self.db)
        return str(found["State"]["StartedAt"]) if found is not None else ""

    def until_running(self, *, not_since: str = "") -> None:
        """Running again, and not in the run that began then; or given up. A death that has just
        been dealt is not seen by the engine yet."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            found = self.tabib.inspect(self.db)
            anew = found is not None and found["State"]["StartedAt"] != not_since
            if anew and found["State"]["Running"] and self.health() == "healthy":
                return
            time.sleep(0.2)

    def healthy_at(self, since: float) -> list[float]:
        """When the engine saw it become healthy after ``since``."""
        lines = self._events.read_text().splitlines()
        events = [json.loads(one) for one in lines if one.endswith("}")]
        times = [
            one["timeNano"] / 1e9
            for one in events
            if one.get("Action", one.get("status")) == "health_status: healthy"
        ]
        return [one for one in times if one > since]

    def _watch(self) -> None:
        """Keep what the engine says of its health: the engine itself remembers the last of it."""
        words = ["docker", "events", "--format", "{{json .}}", "--filter", f"container={self.db}"]
        with self._events.open("wb") as kept:
            self._watcher = subprocess.Popen(
                [*words, "--filter", "event=health_status"], stdout=kept
            )

    # ── what tabib says ────────────────────────────────────────────────────────────────────────

    def said(self, *words: str, timeout_s: float = 120.0) -> Done:
        return self.tabib("-p", self.name, *words, timeout_s=timeout_s)

    def incidents(self) -> list[dict[str, Any]]:
        # Evidence may hold tracebacks of the application's own.
        done = self.said("incidents", "--all", "--json")
        assert done.code == 0, str(done)[:600]
        found: list[dict[str, Any]] = json.loads(done.out)
        return sorted(found, key=lambda one: str(one["opened_at"]))

    def snapshots(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tabib("snapshots", self.name, "--json").json
        return found

    def until(self, check: Callable[[], object], within_s: float) -> bool:
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            try:
                if check():
                    return True
            except (AssertionError, OSError, subprocess.SubprocessError):
                pass
            assert not self.stopped.wait(0.5), "interrupted"
        return False


def use_engine(url: str) -> None:
    """Commands of this process speak to that engine."""
    os.environ["DOCKER_HOST"] = url
