"""Runs scenarios on the real engine, several at once, and looks at what came of each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from setup import engine_api

from support import compose_oracle, real_engine
from support.installation import Installation, forget_tags, free_engine, kept_tags
from tabib.client.api import Client
from tabib.client.transport import parse_address
from ward.judge import Found, judge
from ward.scenario import Scenario

IMAGES = ("busybox:1.36", "python:3.11-slim", "nginx:1", "redis:7", "postgres:15")
POLL_S = 0.5
LINGER_S = 2.5
"""After the expected end: does anything else follow?"""
_NAMED = re.compile(r"@(?:\{(\w+)\}|([A-Za-z][\w-]*))")
_PRELUDE = "pid() { docker inspect -f '{{.State.Pid}}' \"$1\"; }; set -e; "
_TROUBLE = {
    "died": ("die",), "loop": ("die",), "unhealthy": ("health_status: unhealthy",),
    "oom": ("oom",), "removed": ("destroy",),
}  # fmt: skip


class StepFailed(Exception):
    """A step of a scenario could not be done: nothing is proved then."""


@dataclass(slots=True)
class Result:
    name: str
    family: str
    healthy: bool
    across: bool
    expected: str
    found: str
    cause_right: bool
    treatment: str
    treatment_right: bool
    outcome: str
    outcome_right: bool
    incidents: int
    harm: tuple[str, ...] = ()
    sealed_s: float | None = None
    diagnosed_s: float | None = None
    seconds: float = 0.0
    trouble: str = ""
    """Why the scenario could not be run to its end; empty where it was."""
    told: tuple[str, ...] = ()
    """The incidents in short, for who reads the table."""

    @property
    def right(self) -> bool:
        return (
            self.cause_right and self.treatment_right and self.outcome_right and not self.harm
            and not self.trouble
        )  # fmt: skip


@dataclass(slots=True)
class Seen:
    """One engine event: when, what, of which container."""

    at: float
    action: str
    name: str
    service: str


@dataclass(slots=True)
class Ward:
    """One installation with its daemon, in which scenarios run side by side."""

    tabib: Installation
    events: list[Seen] = field(default_factory=list)
    cases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Scenario → the sealed cases of the incident that was expected."""

    @property
    def client(self) -> Client:
        address = parse_address(f"unix://{self.tabib.state}/tabib.sock")
        return Client(address, json.dumps({"url": self.tabib.engine.endpoint.url}))

    def run(self, scenarios: Sequence[Scenario], jobs: int = 6) -> list[Result]:
        """All of them; the longest ones first."""
        ordered = sorted(scenarios, key=lambda one: -one.within_s)
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(self.one, ordered))

    def one(self, scenario: Scenario) -> Result:
        begun = time.monotonic()
        trouble = ""
        course = Course(self, scenario)
        try:
            course.steps()
            course.settle()
        except (StepFailed, AssertionError, subprocess.TimeoutExpired, OSError) as error:
            trouble = f"{type(error).__name__}: {error}"[:1500]
        result = course.result(trouble)
        result.seconds = round(time.monotonic() - begun, 1)
        course.end()
        mark = "✔" if result.right else "✘"
        print(f"{mark} {result.name:34} {result.expected} → {result.found} · {result.treatment} · "
              f"{result.outcome} ({result.seconds:.0f} s)", flush=True)  # fmt: skip
        return result


class Course:
    """One scenario from its first step to its end."""

    def __init__(self, ward: Ward, scenario: Scenario) -> None:
        self.ward = ward
        self.tabib = ward.tabib
        self.scenario = scenario
        self.folder = self.tabib.state.parent / scenario.name
        self.project = f"{self.tabib.prefix}{scenario.name}"
        self.begun = time.time()

    # ── doing ──────────────────────────────────────────────────────────────────────────────────

    def steps(self) -> None:
        self.folder.mkdir(parents=True)
        text = self.scenario.compose.replace("@dir", str(self.folder))
        (self.folder / "compose.yaml").write_text(f"name: {self.project}\n{text}")
        for path, content in self.scenario.files.items():
            self._write(path, content)
        for verb, argument in self.scenario.steps:
            step = getattr(self, f"_do_{verb}", None)
            if step is None:
                raise StepFailed(f"there is no step {verb!r}")
            step(argument)

    def _write(self, path: str, content: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o755)

    def _words(self, text: str) -> str:
        known = {"project": self.project, "dir": str(self.folder)}
        known |= {name: f"{self.project}-{name}-1" for name in self.scenario.services}
        return _NAMED.sub(lambda found: known.get(found[1] or found[2], found[0]), text)

    def _do_up(self, argument: Any) -> None:
        """``up``: arguments; with ``code: N`` another exit code than 0 is expected."""
        given = argument if isinstance(argument, Mapping) else {"args": argument}
        code = given.get("code", 0)
        words = str(given.get("args") or "").split()
        done = self.tabib("up", "-d", "--wait-timeout", "20", *words, cwd=self.folder, timeout_s=90)
        if done.code in (2, 4) or (code != "any" and done.code != int(code)):
            raise StepFailed(f"up: {done}")

    def _do_tabib(self, argument: str) -> None:
        done = self.tabib(*self._words(argument).split(), cwd=self.folder, timeout_s=90)
        if done.code:
            raise StepFailed(str(done))

    def _do_docker(self, argument: str) -> None:
        self._do_host(f"docker {argument}")

    def _do_compose(self, argument: str) -> None:
        home = {"HOME": os.environ.get("HOME", "/tmp")}
        home["DOCKER_HOST"] = self.tabib.engine.endpoint.url
        words = self._words(argument).split()
        done = compose_oracle.ask(words, cwd=self.folder, env=home)
        if done.code:
            raise StepFailed(f"compose {argument}: {done.err}")

    def _do_host(self, argument: str) -> None:
        done = subprocess.run(
            ["bash", "-c", _PRELUDE + self._words(argument)],
            cwd=self.folder, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        if done.returncode:
            raise StepFailed(f"{argument}: {done.stdout}{done.stderr}")

    def _do_write(self, argument: Mapping[str, str]) -> None:
        for path, content in argument.items():
            self._write(path, content.replace("@dir", str(self.folder)))

    def _do_change(self, argument: Mapping[str, str]) -> None:
        """Replace parts of the Compose file."""
        file = self.folder / "compose.yaml"
        text = file.read_text()
        for old, new in argument.items():
            if old not in text:
                raise StepFailed(f"the Compose file has no {old!r}")
            text = text.replace(old, new)
        file.write_text(text)

    def _do_wait(self, argument: float) -> None:
        time.sleep(float(argument))

    def _do_until(self, argument: str) -> None:
        """``SERVICE STATE``: a status of the engine, or a health."""
        service, wanted = argument.split()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            state = (self.tabib.inspect(f"{self.project}-{service}-1") or {}).get("State") or {}
            health = (state.get("Health") or {}).get("Status", "")
            if wanted in (state.get("Status"), health):
                return
            time.sleep(0.2)
        raise StepFailed(f"{service} did not become {wanted}")

    # ── looking ────────────────────────────────────────────────────────────────────────────────

    def incidents(self) -> list[dict[str, Any]]:
        rows = self.ward.client.get("/v1/incidents", {"project": self.project, "all": True})
        return sorted(rows, key=lambda row: str(row["opened_at"]))

    def settle(self) -> None:
        """Wait for the expected end, and a little longer for what must not follow."""
        expect = self.scenario.expect
        if expect.healthy:
            time.sleep(expect.watch_s)
            return
        deadline = time.monotonic() + self.scenario.within_s
        while time.monotonic() < deadline:
            if judge(expect, self.incidents()).over:
                time.sleep(LINGER_S)
                if judge(expect, self.incidents()).over:
                    return
            time.sleep(POLL_S)

    def result(self, trouble: str) -> Result:
        expect = self.scenario.expect
        try:
            found = judge(expect, self.incidents())
        except Exception as error:  # noqa: BLE001 - what is left must still be reported
            found, trouble = Found(), trouble or f"the daemon does not answer: {error}"
        sealed = diagnosed = None
        if found.root is not None:
            sealed, diagnosed = self._timing(found)
        return Result(
            name=self.scenario.name,
            family=self.scenario.family,
            healthy=expect.healthy,
            across=self.scenario.across,
            expected="healthy" if expect.healthy else expect.cause[0],
            found=found.code or "healthy",
            cause_right=found.cause_right,
            treatment=found.treatment,
            treatment_right=found.treatment_right,
            outcome=found.outcome or "-",
            outcome_right=found.outcome_right,
            incidents=found.incidents,
            harm=found.harm,
            sealed_s=sealed,
            diagnosed_s=diagnosed,
            trouble=trouble,
            told=found.told,
        )

    def _timing(self, found: Found) -> tuple[float | None, float | None]:
        """Seconds from trouble by the engine's clock to the sealed case, and to the diagnosis."""
        assert found.root is not None
        whole = self.ward.client.get(f"/v1/incidents/{found.root['id']}")
        cases = whole["cases"]
        if not cases:
            return None, None
        self.ward.cases[self.scenario.name] = cases
        self._keep_raw(whole)
        case = cases[0]
        sealed = _seconds(case["sealed_at"])
        wanted = _TROUBLE.get(case["trigger"])
        if wanted is None:
            return None, None
        times = [
            seen.at
            for seen in list(self.ward.events)
            if seen.name == case["container"] and seen.action.startswith(wanted)
            and self.begun <= seen.at <= sealed
        ]  # fmt: skip
        if not times:
            return None, None
        told = [
            _seconds(one["at"]) for one in whole["incident"].get("timeline") or ()
            if one["kind"] == "diagnosed"
        ]  # fmt: skip
        diagnosed = min((at for at in told if at >= sealed), default=None)
        since = max(times)
        return round(sealed - since, 3), diagnosed and round(diagnosed - since, 3)

    def _keep_raw(self, whole: Mapping[str, Any]) -> None:
        """For who works on the decisions: the incident and its cases, as they are."""
        if folder := os.environ.get("WARD_RAW"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{self.scenario.name}.json").write_text(json.dumps(whole))

    def end(self) -> None:
        self.tabib("-p", self.project, "down", "-v", "--yes", "-t", "0", timeout_s=90)
        subprocess.run(
            ["bash", "-c", "docker ps -aq --filter label=com.docker.compose.project=$1 "
             "| xargs -r docker rm -f -v", "-", self.project],
            capture_output=True, check=False,
        )  # fmt: skip


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@contextmanager
def ward(folder: Path) -> Iterator[Ward]:
    """A ward that is empty, and leaves nothing behind."""
    engine = engine_api.Engine(engine_api.find())
    real_engine.ensure_images(*IMAGES)
    free_engine(engine)
    before = kept_tags(engine)
    tabib = Installation(folder / "s", engine, prefix=real_engine.unique_prefix("tbw"))
    made = Ward(tabib)
    watcher = _watch(made)
    try:
        tabib("daemon", "start").well()
        yield made
    finally:
        watcher.terminate()
        tabib.clear()
        forget_tags(engine, kept_tags(engine) - before)
        shutil.rmtree(folder, ignore_errors=True)


def _watch(made: Ward) -> subprocess.Popen[str]:
    """The engine's own events, beside tabib's: what times are measured by."""
    argv = ["docker", "events", "--filter", "type=container", "--format", "{{json .}}"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            labels = event["Actor"]["Attributes"]
            name = labels.get("name", "")
            if name.startswith(made.tabib.prefix) and not event["Action"].startswith("exec_"):
                service = labels.get("com.docker.compose.service", "")
                made.events.append(Seen(event["timeNano"] / 1e9, event["Action"], name, service))

    threading.Thread(target=read, daemon=True).start()
    return process


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [{**asdict(one), "right": one.right} for one in results]


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
