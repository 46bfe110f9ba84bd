"""A tabib installation as a user has one: the real command, its own state folder, its daemon."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from setup.engine_api import Engine, EngineError

from support import real_engine
from support.patience import Patience, outcome

T = TypeVar("T")
COMMAND = Path(sys.executable).parent / "tabib"
OWNER_VOLUME = "tabib_owner"
LABEL = "com.docker.compose.project"
MARK = "made-by-tests"
"""A file in the state folder: the test run it belongs to. What a killed run left is told by it."""
_UNWANTED = ("COMPOSE_", "TABIB_", "SHOP_")
_CLEAR_S = 60.0
_ANONYMOUS = re.compile("[0-9a-f]{64}")


def until(check: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first true answer of ``check``; ``seconds`` as :class:`Patience` counts them.

    :raises AssertionError: none came in time.
    """
    patience = Patience(seconds)
    while True:
        over = patience.over
        if found := check():
            return found
        assert not over, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said and how it ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        head = f"tabib {' '.join(self.words)} → {self.code} after {self.seconds:.1f} s"
        return f"{head}\n--- out\n{self.out}\n--- err\n{self.err}"

    def well(self) -> Done:
        """Itself. :raises AssertionError: it did not end with 0."""
        return self.ended(0)

    def ended(self, code: int, *parts: str) -> Done:
        """Itself. :raises AssertionError: another code, a traceback, or words that are missing."""
        assert self.code == code, f"expected {code}: {self}"
        text = self.out + self.err
        assert "Traceback" not in text, str(self)
        for part in parts:
            assert part.lower() in text.lower(), f"{part!r} is not said: {self}"
        return self

    @property
    def json(self) -> Any:
        self.well()
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise AssertionError(f"no JSON: {self}") from error


class Installation:
    """One state folder and the commands that use it. :meth:`clear` leaves nothing behind."""

    def __init__(
        self,
        state: Path,
        engine: Engine,
        *,
        prefix: str = "",
        env: Mapping[str, str] | None = None,
        launcher: Iterable[str] = (),
    ) -> None:
        self.state = state
        self.engine = engine
        self.prefix = prefix or real_engine.unique_prefix("tbe")
        self.launcher = tuple(launcher)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_UNWANTED)}
        self.env = {**inherited, "TABIB_STATE_DIR": str(state), "NO_COLOR": "1", **(env or {})}
        self._anonymous: set[str] = set()
        state.mkdir(parents=True, exist_ok=True)
        (state / MARK).write_text(json.dumps({"pid": os.getpid(), "begun": _begun(os.getpid())}))

    # ── commands ───────────────────────────────────────────────────────────────────────────────

    def __call__(
        self,
        *words: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        stdin: str = "",
    ) -> Done:
        """Run a command to its end, without a terminal.

        :raises AssertionError: it did not end in ``timeout_s``, as :class:`Patience` counts them.
        """
        begun = time.monotonic()
        with subprocess.Popen(
            [*self.launcher, str(COMMAND), *words],
            cwd=cwd or self.state.parent,
            env={**self.env, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            out, err = outcome(process, timeout_s, stdin)
        return Done(words, process.returncode, out, err, time.monotonic() - begun)

    def begin(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start a command in a session of its own; both its outputs can be read as one."""
        return subprocess.Popen(
            [*self.launcher, str(COMMAND), *words],
            cwd=cwd or self.state.parent,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def project(self, folder: Path, text: str, name: str = "") -> Path:
        """A folder with ``text`` as its Compose file, named uniquely unless ``name`` is given."""
        folder.mkdir(parents=True, exist_ok=True)
        wanted = f"{self.prefix}{name}"
        (folder / "compose.yaml").write_text(f"name: {wanted}\n{text}")
        return folder

    # ── the daemon ─────────────────────────────────────────────────────────────────────────────

    @property
    def pid(self) -> int:
        """The daemon's process. :raises AssertionError: none answers."""
        return int(self("daemon", "status", "--json").json["pid"])

    def kill_daemon(self) -> None:
        """SIGKILL; returns once the process is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: not _alive(pid), 10, f"the end of the daemon {pid}")

    # ── the engine behind its back ─────────────────────────────────────────────────────────────

    def containers(self, project: str = "", *, all_: bool = True) -> dict[str, dict[str, Any]]:
        """Name → the engine's summary, of the containers of a project (default: our prefix)."""
        found = self.engine.call(
            "GET", "/containers/json", query=[("all", "1" if all_ else "0"), *_labelled(project)]
        )
        named = {one["Names"][0].lstrip("/"): one for one in found}
        return {
            name: one
            for name, one in named.items()
            if project or one["Labels"].get(LABEL, name).startswith(self.prefix)
        }

    def inspect(self, container: str) -> dict[str, Any] | None:
        """The engine's inspection, None where there is no such container."""
        try:
            found: dict[str, Any] = self.engine.call("GET", f"/containers/{container}/json")
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        return found

    def running(self, container: str) -> bool:
        found = self.inspect(container)
        return bool(found and found["State"]["Running"])

    def of_helpers(self) -> str:
        """The engine's filter for what this installation's helpers are, and leave."""
        mine = (self.state / "installation").read_text().strip()
        return json.dumps({"label": ["tabib.helper", f"tabib.installation={mine}"]})

    def helpers(self) -> list[str]:
        """Names of this installation's helper containers, whatever their state."""
        query = [("all", "1"), ("filters", self.of_helpers())]
        found = self.engine.call("GET", "/containers/json", query=query)
        return [one["Names"][0].lstrip("/") for one in found]

    def incidents(self, project: str) -> list[dict[str, Any]]:
        """What ``tabib incidents --json`` says of a project, oldest first."""
        found: list[dict[str, Any]] = self("-p", project, "incidents", "--all", "--json").json
        return sorted(found, key=lambda one: str(one["opened_at"]))

    # ── the end ────────────────────────────────────────────────────────────────────────────────

    def clear(self) -> None:
        """Projects, daemon, containers, networks, volumes, owner, folder: all go.

        :raises AssertionError: tabib itself could not take its projects down; all is gone then.
        """
        complaints = []
        self._note_anonymous()
        if not (self.state / "daemon.lock").exists() and not self.containers():
            # No daemon ever ran: do not start one to be told that there is nothing.
            shutil.rmtree(self.state, ignore_errors=True)
            return
        for project in sorted(self._projects()):
            done = self("-p", project, "down", "-v", "--yes", "-t", "0", timeout_s=_CLEAR_S)
            if done.code not in (0, 2):
                complaints.append(str(done))
        stopped = self("daemon", "stop", timeout_s=_CLEAR_S)
        if stopped.code:
            complaints.append(str(stopped))
        self.sweep()
        shutil.rmtree(self.state, ignore_errors=True)
        assert not complaints, "\n".join(complaints)

    def sweep(self) -> None:
        """Without tabib: end its daemon, remove what carries the prefix and the owner's volume."""
        _end_daemon(self.state)
        self._note_anonymous()
        for one in self.containers().values():
            _quietly(
                self.engine, "DELETE", f"/containers/{one['Id']}", [("force", "1"), ("v", "1")]
            )
        if (self.state / "installation").exists():
            # One whose daemon was killed, with no later one to remove it, has no name of ours.
            for name in self.helpers():
                _quietly(self.engine, "DELETE", f"/containers/{name}", [("force", "1"), ("v", "1")])
        for network in self.engine.call("GET", "/networks"):
            if network["Name"].startswith(self.prefix):
                _quietly(self.engine, "DELETE", f"/networks/{network['Id']}")
        for volume in self.engine.call("GET", "/volumes").get("Volumes") or []:
            if volume["Name"].startswith(self.prefix) or volume["Name"] in self._anonymous:
                _quietly(self.engine, "DELETE", f"/volumes/{volume['Name']}")
        owner = owner_of(self.engine)
        if owner and owner.get("tabib.state-dir") == str(self.state):
            _quietly(self.engine, "DELETE", f"/volumes/{OWNER_VOLUME}")

    def _note_anonymous(self) -> None:
        """The engine removes no anonymous volume that was attached to a second container."""
        for one in self.containers().values():
            names = [str(mount.get("Name", "")) for mount in one.get("Mounts") or ()]
            self._anonymous |= {name for name in names if _ANONYMOUS.fullmatch(name)}

    def _projects(self) -> set[str]:
        labelled = [one["Labels"].get(LABEL, "") for one in self.containers().values()]
        done = self("ls", "-a", "--json", timeout_s=_CLEAR_S)
        known = [row["project"] for row in done.json] if done.code == 0 else []
        return {name for name in [*labelled, *known] if name.startswith(self.prefix)}


# ── who owns an engine ─────────────────────────────────────────────────────────────────────────


def owner_of(engine: Engine) -> dict[str, str] | None:
    """The labels of the engine's owner; None where nobody owns it."""
    try:
        found = engine.call("GET", f"/volumes/{OWNER_VOLUME}")
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    return dict(found.get("Labels") or {})


def kept_tags(engine: Engine) -> set[str]:
    """Tags by which installations keep images from being pruned."""
    found = engine.call("GET", "/images/json")
    tags = [tag for one in found for tag in one.get("RepoTags") or []]
    return {tag for tag in tags if tag.startswith("tabib/keep:")}


def forget_tags(engine: Engine, tags: Iterable[str]) -> None:
    """Remove tags; the images stay, for the tests that come."""
    for tag in tags:
        _quietly(engine, "DELETE", f"/images/{tag}", [("noprune", "1")])


def free_engine(engine: Engine) -> None:
    """Take the engine from an installation that is no more, or from a test run that was killed.

    :raises AssertionError: a living installation owns it; says whose.
    """
    owner = owner_of(engine)
    if owner is None:
        return
    state = Path(owner.get("tabib.state-dir", ""))
    if owner.get("tabib.hostname") == os.uname().nodename:
        if not state.is_dir():
            _quietly(engine, "DELETE", f"/volumes/{OWNER_VOLUME}")
            return
        if _killed_run(state):
            _bury(engine, state, owner.get("tabib.installation", ""))
            return
    raise AssertionError(
        f"the engine at {engine.endpoint.url} belongs to the tabib installation at {state} on "
        f"{owner.get('tabib.hostname')}: these tests need an engine without an owner. Take its "
        f"projects down (tabib --state-dir {state} ls -a; tabib … disown PROJECT), or name "
        "another engine with DOCKER_HOST."
    )


def _killed_run(state: Path) -> bool:
    try:
        mark = json.loads((state / MARK).read_text())
    except (OSError, ValueError):
        return False
    return _begun(int(mark["pid"])) != mark["begun"]


def _bury(engine: Engine, state: Path, installation: str) -> None:
    left = engine.call("GET", "/containers/json", query=[("all", "1")])
    mine = [one for one in left if one["Labels"].get("tabib.installation") == installation]
    for prefix in {one["Labels"].get(LABEL, "") for one in mine} or {""}:
        if len(prefix) >= 8:
            Installation(state, engine, prefix=prefix).sweep()
    _end_daemon(state)
    _quietly(engine, "DELETE", f"/volumes/{OWNER_VOLUME}")
    shutil.rmtree(state, ignore_errors=True)


def _end_daemon(state: Path) -> None:
    """SIGTERM, then SIGKILL, to the daemon that holds this folder's lock, if there is one."""
    try:
        pid = int((state / "daemon.lock").read_text().split()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return
    if str(state).encode() not in words:
        return
    for number, patience_s in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
            until(lambda: not _alive(pid), patience_s, f"the end of the daemon {pid}")
        except ProcessLookupError:
            return
        except AssertionError:
            continue
        return


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _begun(pid: int) -> str:
    """When a process began, in clock ticks since the boot; ``""`` where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _labelled(project: str) -> list[tuple[str, str]]:
    if not project:
        return []
    return [("filters", json.dumps({"label": [f"{LABEL}={project}"]}))]


def _quietly(engine: Engine, method: str, path: str, query: Iterable[tuple[str, str]] = ()) -> None:
    try:
        engine.call(method, path, query=list(query))
    except EngineError as error:
        if error.status not in (404, 409):
            raise
