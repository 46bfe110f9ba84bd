"""Records what a real engine reports when people, or faults, do things to containers.

Run by hand, on a machine with a Docker Engine: ``python tests/decide/recordings/record.py
[SCENARIO]...``. It needs an image that has busybox (``RECORD_IMAGE``, default ``busybox:1.36``)
and, for the ``compose_*`` scenarios, Docker Compose (``RECORD_COMPOSE``, default ``docker
compose``). Each scenario becomes ``<scenario>.json`` here: the events as the adapter normalises
them, in order. Everything it makes is named after the project ``tabibrec`` and removed again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = "tabibrec"
IMAGE = os.environ.get("RECORD_IMAGE", "busybox:1.36")
COMPOSE = os.environ.get("RECORD_COMPOSE", "docker compose").split()
LABELS = {
    "com.docker.compose.project": PROJECT,
    "com.docker.compose.service": "api",
    "com.docker.compose.container-number": "1",
    "com.docker.compose.oneoff": "False",
}
POLITE = "trap 'exit 0' TERM INT; while :; do sleep 0.1; done"
RUDE = "trap '' TERM; while :; do sleep 0.1; done"
COMPOSE_FILE = f"""
services:
  api: {{image: {IMAGE}, command: ["sh", "-c", "{POLITE.replace('"', "")}"], init: true}}
  web: {{image: {IMAGE}, command: ["sh", "-c", "{POLITE.replace('"', "")}"], init: true}}
"""


def sh(*argv: str, check: bool = True, cwd: str | None = None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)
    if check and done.returncode:
        raise SystemExit(f"{argv}: {done.stderr}")
    return done.stdout.strip()


def run(command: str, *options: str, check: bool = True) -> str:
    """Start the service's only container, the way a Compose project would look."""
    labels = [f"--label={key}={value}" for key, value in LABELS.items()]
    name = f"{PROJECT}-api-1"
    argv = ("docker", "run", "-d", "--name", name, *labels, *options, IMAGE)
    return sh(*argv, "sh", "-c", command, check=check)


def host_pid(name: str) -> str:
    return sh("docker", "inspect", "-f", "{{.State.Pid}}", name)


def settle(seconds: float = 0.6) -> None:
    time.sleep(seconds)


# ── scenarios ──────────────────────────────────────────────────────────────────────────────────
NAME = f"{PROJECT}-api-1"


def stop() -> None:
    run(POLITE)
    settle()
    sh("docker", "stop", "-t", "5", NAME)


def stop_ignored() -> None:
    run(RUDE)
    settle()
    sh("docker", "stop", "-t", "1", NAME)


def stop_then_rm() -> None:
    stop()
    settle()
    sh("docker", "rm", NAME)


def stop_own_signal() -> None:
    run("trap 'exit 0' USR1; while :; do sleep 0.1; done", "--stop-signal=SIGUSR1")
    settle()
    sh("docker", "stop", "-t", "5", NAME)


def stop_with_policy() -> None:
    run(POLITE, "--restart=always")
    settle()
    sh("docker", "stop", "-t", "5", NAME)


def kill() -> None:
    run(POLITE)
    settle()
    sh("docker", "kill", NAME)


def kill_term() -> None:
    run(POLITE)
    settle()
    sh("docker", "kill", "-s", "TERM", NAME)


def kill_with_policy() -> None:
    run(POLITE, "--restart=always")
    settle()
    sh("docker", "kill", NAME)
    settle(1.5)


def kill_hup_harmless() -> None:
    run("trap ':' HUP; while :; do sleep 0.1; done")
    settle()
    sh("docker", "kill", "-s", "HUP", NAME)


def kill_hup_then_crash() -> None:
    run("trap ':' HUP; n=0; while [ $n -lt 30 ]; do sleep 0.1; n=$((n+1)); done; exit 4")
    settle()
    sh("docker", "kill", "-s", "HUP", NAME)
    settle(4)


def restart() -> None:
    run(POLITE)
    settle()
    sh("docker", "restart", "-t", "5", NAME)


def restart_ignored() -> None:
    run(RUDE)
    settle()
    sh("docker", "restart", "-t", "1", NAME)


def start_by_hand() -> None:
    run("exit 3")
    settle()
    sh("docker", "start", NAME)


def rm_force() -> None:
    run(POLITE)
    settle()
    sh("docker", "rm", "-f", NAME)


def rm_force_with_policy() -> None:
    run(POLITE, "--restart=always")
    settle()
    sh("docker", "rm", "-f", NAME)


def rm_after_crash() -> None:
    run("sleep 0.3; exit 3")
    settle(1)
    sh("docker", "rm", NAME)


def crash() -> None:
    run("sleep 0.3; echo boom >&2; exit 3")
    settle(1)


def exit_zero() -> None:
    run("sleep 0.3; exit 0")
    settle(1)


def killed_from_outside() -> None:
    run(POLITE)
    settle()
    sh("kill", "-9", host_pid(NAME))


def killed_from_inside() -> None:
    run(POLITE)
    settle()
    sh("docker", "exec", NAME, "kill", "-TERM", "1")


def segfault() -> None:
    # PID 1 is immune to its own SIGSEGV; under docker-init the code is passed on as 139.
    run("sleep 0.3; kill -SEGV $$", "--init")
    settle(1)


def oom() -> None:
    # PID 1 itself must be the one that is killed: exec the memory eater.
    run("sleep 0.3; exec tail /dev/zero", "--memory=16m", "--memory-swap=16m")
    settle(3)


def oom_child() -> None:
    run("sleep 0.3; (tail /dev/zero); " + POLITE, "--memory=16m", "--memory-swap=16m")
    settle(3)


def crash_loop() -> None:
    run("exit 5", "--restart=always")
    settle(8)


def crash_with_policy() -> None:
    run("sleep 1; exit 5", "--restart=on-failure:1")
    settle(4)


def health(command: str) -> tuple[str, ...]:
    return (f"--health-cmd={command}", "--health-interval=300ms", "--health-retries=2")


def unhealthy_then_healthy() -> None:
    run(POLITE, *health("test -e /tmp/ok"))
    settle(2)
    sh("docker", "exec", NAME, "touch", "/tmp/ok")
    settle(1.5)


def pause() -> None:
    run(POLITE)
    settle()
    sh("docker", "pause", NAME)
    settle()
    sh("docker", "unpause", NAME)


def start_failed() -> None:
    labels = [f"--label={key}={value}" for key, value in LABELS.items()]
    argv = ("docker", "run", "-d", "--name", NAME, *labels, IMAGE, "/no/such/command")
    sh(*argv, check=False)


@contextmanager
def composed() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tabibrec") as folder:
        Path(folder, "compose.yaml").write_text(COMPOSE_FILE)
        compose(folder, "up", "-d")
        settle()
        yield folder
        settle()


def compose(folder: str, *words: str) -> None:
    sh(*COMPOSE, "-p", PROJECT, *words, cwd=folder)


def compose_scenario(*words: str) -> Any:
    def scenario() -> None:
        with composed() as folder:
            compose(folder, *words)

    return scenario


def compose_changed() -> None:
    with composed() as folder:
        text = COMPOSE_FILE.replace("init: true}", "init: true, environment: {A: b}}", 1)
        Path(folder, "compose.yaml").write_text(text)
        compose(folder, "up", "-d")


def compose_rm_force_one() -> None:
    with composed():
        sh("docker", "rm", "-f", NAME)


def compose_rm_force_all() -> None:
    with composed():
        sh("docker", "rm", "-f", NAME, f"{PROJECT}-web-1")


SCENARIOS: dict[str, Any] = {
    scenario.__name__: scenario
    for scenario in (
        *(stop, stop_ignored, stop_then_rm, stop_own_signal, stop_with_policy),
        *(kill, kill_term, kill_with_policy, kill_hup_harmless, kill_hup_then_crash),
        *(restart, restart_ignored, start_by_hand, rm_force, rm_force_with_policy),
        *(rm_after_crash, crash, exit_zero, killed_from_outside, killed_from_inside),
        *(segfault, oom, oom_child, crash_loop, crash_with_policy, unhealthy_then_healthy),
        *(pause, start_failed, compose_changed, compose_rm_force_one, compose_rm_force_all),
    )
} | {
    "compose_down": compose_scenario("down", "-t", "1"),
    "compose_down_volumes": compose_scenario("down", "-v", "-t", "1"),
    "compose_stop": compose_scenario("stop", "-t", "1"),
    "compose_kill": compose_scenario("kill"),
    "compose_restart": compose_scenario("restart", "-t", "1"),
    "compose_rm_stop": compose_scenario("rm", "-sf", "api"),
    "compose_force_recreate": compose_scenario("up", "-d", "--force-recreate", "-t", "1"),
    "compose_scale_down": compose_scenario("up", "-d", "--scale", "web=0", "-t", "1"),
}


# ── recording ──────────────────────────────────────────────────────────────────────────────────


def normalise(raw: dict[str, Any]) -> dict[str, Any] | None:
    """The engine's event as ``model.event.Event``; None where the adapter leaves it out."""
    action, _, detail = str(raw["Action"]).partition(": ")
    attributes = dict(raw["Actor"].get("Attributes") or {})
    mine = attributes.get("com.docker.compose.project") == PROJECT
    mine = mine or str(attributes.get("name", "")).startswith(PROJECT)
    if action.startswith("exec_") or not mine:
        return None
    if action == "health_status":
        attributes["health"] = detail
    keep = ("com.docker.compose.", "exitCode", "signal", "name", "image", "health", "container")
    time_ns = int(raw["timeNano"])
    return {
        "at": datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(),
        "time_ns": time_ns,
        "kind": raw["Type"],
        "action": action,
        "id": raw["Actor"]["ID"],
        "name": attributes.get("name", ""),
        "attributes": {k: v for k, v in attributes.items() if k.startswith(keep)},
    }


def word(event: dict[str, Any], start_ns: int) -> str:
    attributes = event["attributes"]
    details = [attributes[key] for key in ("signal", "exitCode", "health") if key in attributes]
    at_ms = (event["time_ns"] - start_ns) / 1e6
    return f"{event['name']}:{event['action']}{details or ''}@{at_ms:.0f}ms"


def clean() -> None:
    ids = sh("docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}")
    if ids:
        sh("docker", "rm", "-f", "-v", *ids.split())
    sh("docker", "network", "rm", f"{PROJECT}_default", check=False)


def record(scenario: str) -> None:
    clean()
    argv = ("docker", "events", "--format", "{{json .}}")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as listener:
        settle(0.5)
        SCENARIOS[scenario]()
        settle(1.0)
        listener.terminate()
        out = listener.communicate()[0]
    raw = [json.loads(line) for line in out.splitlines()]
    events = sorted(filter(None, map(normalise, raw)), key=lambda event: event["time_ns"])
    clean()
    path = HERE / f"{scenario}.json"
    text = json.dumps(events, indent=1, sort_keys=True).replace(IMAGE, "busybox:1.36")
    path.write_text(text + "\n")
    print(f"{scenario}: " + " ".join(word(event, events[0]["time_ns"]) for event in events))


if __name__ == "__main__":
    for one in sys.argv[1:] or SCENARIOS:
        record(one)
