"""Records case files of real faults: ``python tests/decide/recordings/record_cases.py [NAME]...``.

Each fault is produced on a real engine with busybox (see ``record.py`` for the environment), its
case file built by ``decide.casefile`` from the real inspection, events and log, and written to
``tests/decide/cases/NAME.json``. The golden test replays them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import record
from record import IMAGE, LABELS, NAME, POLITE, sh

from tabib.decide.casefile import CaseParts, build
from tabib.decide.verdict import TROUBLE, Kind, Verdict
from tabib.model.codec import convert, encode
from tabib.model.event import Event

CASES = Path(__file__).parents[1] / "cases"
SCRATCH = Path(tempfile.mkdtemp(prefix="tabibrec"))
(SCRATCH / "garbage").write_bytes(b"\x00not a program")
(SCRATCH / "garbage").chmod(0o755)
(SCRATCH / "plain").write_text("#!/bin/sh\n")
(SCRATCH / "owned").mkdir(mode=0o700)
HEALTH = ("--health-interval=300ms", "--health-retries=2", "--health-timeout=500ms")
TRACE = 'Traceback (most recent call last):\n  File "/app/main.py", line 3, in <module>\n'


@dataclass(frozen=True)
class Fault:
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ("true",)
    kind: Kind = Kind.FAILED
    image: str = IMAGE
    then: Callable[[], object] = lambda: None
    before: Callable[[], object] = lambda: None
    wait_s: float = 0.8
    dependencies: tuple[tuple[str, str], ...] = ()


def script(text: str, *options: str, **more: Any) -> Fault:
    return Fault(options=options, command=("sh", "-c", text), **more)


def other(*options: str) -> Callable[[], object]:
    def start() -> None:
        sh("docker", "run", "-d", "--name", "tabibrec-other", *options, IMAGE, "sleep", "60")

    return start


def sick(test: str, *options: str, **more: Any) -> Fault:
    checked = (f"--health-cmd={test}", *HEALTH, *options)
    return script(POLITE, *checked, kind=Kind.UNHEALTHY, wait_s=2.5, **more)


def on_host(signal: str) -> Callable[[], object]:
    return lambda: sh("kill", signal, record.host_pid(NAME))


FAULTS: dict[str, Fault] = {
    "command_not_found": Fault(command=("nosuch",)),
    "command_path_not_found": Fault(command=("/no/such/command",)),
    "shell_not_found": script("echo begin; nosuchtool --serve"),
    "not_executable": Fault((f"-v{SCRATCH}/plain:/plain",), ("/plain",)),
    "exec_format": Fault((f"-v{SCRATCH}/garbage:/bad:ro",), ("/bad",)),
    "missing_env_shell": script("set -u; echo $DATABASE_URL"),
    "missing_env_python": script(f"printf '%s' '{TRACE}' \"KeyError: 'API_TOKEN'\" >&2; exit 1"),
    "app_error": script(f"printf '%s\\n' '{TRACE}ValueError: no such shop' >&2; exit 1"),
    "app_error_silent": script("exit 7"),
    "killed_from_outside": script(POLITE, then=on_host("-9")),
    "segfault": script("sleep 0.2; kill -SEGV $$", "--init"),
    "finished": script("echo bye; exit 0", kind=Kind.EXITED_ZERO_SERVICE),
    "oom": Fault(("-m16m", "--memory-swap=16m"), ("tail", "/dev/zero"), wait_s=3),
    "oom_child_then_exit": script("tail /dev/zero; exit 3", "-m16m", "--memory-swap=16m", wait_s=3),
    "oom_child": script(
        "(tail /dev/zero); " + POLITE, "-m16m", "--memory-swap=16m", kind=Kind.OOM_CHILD, wait_s=3
    ),
    "unhealthy": sick("echo database gone; exit 1"),
    "unhealthy_dependency_down": sick("exit 1", dependencies=(("db", "down"),)),
    "health_bad_command": sick("curl -f http://localhost/"),
    "health_timeout": sick("sleep 5"),
    "health_refused_itself": sick("wget -q -O- http://127.0.0.1:9/"),
    "loop": script("echo no; exit 5", "--restart=always", kind=Kind.RESTART_LOOP, wait_s=6),
    "dns": script("wget -O- http://db/"),
    "refused": script("wget -O- http://127.0.0.1:9/"),
    "refused_dependency_down": script(
        "wget -O- http://127.0.0.1:9/", dependencies=(("cache", "healthy"), ("db", "down"))
    ),
    "port_taken": Fault(("-p18097:80",), before=other("-p18097:80")),
    "network_missing": Fault(("--network=tabibrec_gone",)),
    "bind_missing": Fault(("--mount=type=bind,source=/no/such/folder,target=/x",)),
    "bind_wrong_kind": Fault((f"-v{SCRATCH}/plain:/tmp",)),
    "disk_full": script("dd if=/dev/zero of=/small/a bs=1k count=99", "--tmpfs=/small:size=4k"),
    "read_only": script("echo a > /x; exit 1", "--read-only"),
    "volume_permission": script("touch /data/x", "-u65534", f"-v{SCRATCH}/owned:/data"),
    "limit_refused": Fault(("-m1m",)),
    "cpus_refused": Fault(("--cpus=999",)),
    "device_missing": Fault(("--device=/dev/nosuch",)),
    "runtime_missing": Fault(("--runtime=nosuch",)),
    "image_not_local": Fault(("--pull=never",), image="tabibrec/nosuch:1"),
    "image_registry_refused": Fault(image="127.0.0.1:9/tabibrec:1"),
    "image_registry_unknown": Fault(image="registry.invalid/tabibrec:1"),
    "image_reference": Fault(image="TabibRec:1"),
    "user_missing": Fault(("--user=nosuchuser",)),
    "removed": script(POLITE, kind=Kind.DRIFT_REMOVED, then=lambda: sh("docker", "rm", "-f", NAME)),
}


def produce(fault: Fault) -> tuple[dict[str, Any] | None, dict[str, Any] | None, str]:
    """Inspections before and after ``then``, and what the engine said to the start."""
    labels = [f"--label={key}={value}" for key, value in LABELS.items()]
    argv = ["docker", "run", "-d", "--name", NAME, *labels, *fault.options, fault.image]
    done = subprocess.run([*argv, *fault.command], capture_output=True, text=True, check=False)
    time.sleep(fault.wait_s)
    before = inspection()
    fault.then()
    time.sleep(0.8)
    words = done.stderr.partition("Error response from daemon: ")[2] if done.returncode else ""
    said = words.partition("\n\nRun 'docker")[0].strip()
    if done.returncode and not said:
        said = done.stderr.partition("\n\nRun 'docker")[0].strip()
    return before, inspection(), said


def inspection() -> dict[str, Any] | None:
    found = sh("docker", "inspect", NAME, check=False)
    return (json.loads(found) or [None])[0] if found else None


def events_since(start: float) -> list[Event]:
    out = sh(
        "docker", "events", f"--since={start}", f"--until={time.time()}", "--format={{json .}}"
    )
    raw = [record.normalise(json.loads(line)) for line in out.splitlines()]
    return [convert(one, Event) for one in raw if one is not None]


def neutral(text: str) -> str:
    """Without what is peculiar to the machine that recorded."""
    text = text.replace(str(SCRATCH), "/srv/shop").replace(IMAGE, "busybox:1.36")
    return re.sub(r" on [\d.]+:53", " on 192.0.2.53:53", text)


def record_case(name: str) -> None:
    fault = FAULTS[name]
    record.clean()
    sh("docker", "rm", "-f", "tabibrec-other", check=False)
    start = time.time()
    fault.before()
    before, after, said = produce(fault)
    log = subprocess.run(["docker", "logs", NAME], capture_output=True, text=True, check=False)
    lines = (log.stdout + log.stderr).splitlines() if after else []
    events = events_since(start)
    deaths = [e for e in events if e.action == "die"]
    last = deaths[-1] if deaths else None
    trigger = "start_failed" if said else TROUBLE[fault.kind]
    verdict = Verdict(
        kind=fault.kind,
        reason="recorded",
        container_id=(before or after or {}).get("Id", ""),
        container=NAME,
        service="api",
        slot=1,
        trigger=trigger,
        exit_code=last.exit_code if last else None,
        kill_signals=tuple(int(e.attributes["signal"]) for e in events if e.action == "kill"),
        oom_event=any(e.action == "oom" for e in events),
        engine_error=said,
    )
    removal = next((e for e in events if e.action == "destroy"), None)
    case = build(
        CaseParts(
            id=f"case-{name}",
            sealed_at=datetime.now(UTC),
            engine_id="engine-1",
            cluster="default",
            project=record.PROJECT,
            verdict=verdict,
            event=removal or last,
            inspection=after,
            events=events,
            log_tail=lines,
            dependencies=dict(fault.dependencies),
            recent_deaths=[e.at for e in deaths[:-1]],
        )
    )
    CASES.mkdir(exist_ok=True)
    slim = json.loads(encode(case))
    kept = ("Config", "HostConfig", "Mounts", "RestartCount")
    slim["inspection"] = {k: v for k, v in slim["inspection"].items() if k in kept}
    (CASES / f"{name}.json").write_text(neutral(json.dumps(slim, indent=1, sort_keys=True)) + "\n")
    print(name, case.status, case.exit_code, case.engine_error[:100], flush=True)
    record.clean()
    sh("docker", "rm", "-f", "tabibrec-other", check=False)


if __name__ == "__main__":
    for one in sys.argv[1:] or FAULTS:
        record_case(one)
    shutil.rmtree(SCRATCH)
