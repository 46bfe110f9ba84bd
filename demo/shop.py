"""The shop from outside: its orders over HTTP, its containers as the engine sees them."""

import json
import socket
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from setup.engine_api import Engine, EngineError
from setup.run import ROOT
from setup.say import SetupError

PROJECT = "shop"
FOLDER = ROOT / "examples" / "shop"
_LABEL = "com.docker.compose"
# Runs in the API's container: end what docker-init started, as the kernel's OOM killer would.
_KILL_WORKER = """
import os, signal
for name in filter(str.isdigit, os.listdir("/proc")):
    try:
        parent = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[1]
    except OSError:
        continue
    if parent == "1":
        os.kill(int(name), signal.SIGKILL)
"""


@dataclass(frozen=True)
class Seen:
    """One container at one moment."""

    id: str
    name: str
    state: str
    health: str
    started_at: str
    working_dir: str


class Shop:
    """The running shop, at one port of this machine."""

    def __init__(self, engine: Engine, port: int) -> None:
        self.engine = engine
        self.port = port
        self.url = f"http://localhost:{port}"

    def seen(self, service: str) -> Seen | None:
        """The service's container now; None when there is none."""
        found = containers(self.engine, f"{_LABEL}.service={service}")
        if not found:
            return None
        try:
            return _seen(self.engine.call("GET", f"/containers/{found[0]['Id']}/json"))
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    def place_order(self, item: str) -> dict[str, Any]:
        """Buy something through the web container. Raises OSError when the shop does not sell."""
        return self._http("/api/orders", {"item": item})

    def orders(self) -> int:
        """How many orders the database holds. Raises OSError when the shop does not answer."""
        return int(self._http("/api/orders")["total"])

    def hang(self) -> None:
        """Let the API wait for a lock that nobody lets go of."""
        self._http("/api/hang", {})

    def kill_worker(self) -> None:
        """SIGKILL to the API's process, from inside its container."""
        api = self._must("api")
        body = {"Cmd": ["python3", "-c", _KILL_WORKER], "AttachStdout": False}
        started = self.engine.call("POST", f"/containers/{api.id}/exec", body)
        self.engine.call("POST", f"/exec/{started['Id']}/start", {"Detach": True})

    def destroy_data(self) -> None:
        """Every file of the database's volume, and then the database itself, as a disk may go."""
        db = self._must("db")
        body = {
            "Image": "postgres:15",
            "Entrypoint": ["find"],
            "Cmd": ["/gone", "-mindepth", "1", "-delete"],
            "User": "0:0",
            "HostConfig": {"Binds": [f"{PROJECT}_orders:/gone"], "NetworkMode": "none"},
        }
        made = self.engine.call("POST", "/containers/create", body)["Id"]
        try:
            self.engine.call("POST", f"/containers/{made}/start")
            self.engine.call("POST", f"/containers/{made}/wait")
        finally:
            away = [("force", "1"), ("v", "1")]  # its image has a volume of its own
            self.engine.call("DELETE", f"/containers/{made}", query=away)
        # From within, as `docker kill` would be a person's wish. PostgreSQL goes at once then.
        crash = {"Cmd": ["sh", "-c", "kill -QUIT 1"], "User": "0:0", "AttachStdout": False}
        with suppress(EngineError):  # it may have gone already, for want of its files
            started = self.engine.call("POST", f"/containers/{db.id}/exec", crash)
            self.engine.call("POST", f"/exec/{started['Id']}/start", {"Detach": True})

    def remove(self, service: str) -> None:
        """What `docker rm -f` does."""
        gone = self._must(service)
        self.engine.call("DELETE", f"/containers/{gone.id}", query=[("force", "1")])

    def healed_since(self, service: str, before: Seen) -> bool:
        """Whether the service runs anew since `before`, is healthy, and the shop sells again."""
        now = self.seen(service)
        if now is None or (now.id, now.started_at) == (before.id, before.started_at):
            return False
        if (now.state, now.health) != ("running", "healthy"):
            return False
        try:
            self.orders()
        except OSError:
            return False
        return True

    def _must(self, service: str) -> Seen:
        found = self.seen(service)
        if found is None:
            raise SetupError(f"the shop has no {service} container", "tabib ps; make demo-down")
        return found

    def _http(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data)
        # Straight to this machine, whatever proxy the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=3) as answer:
                return dict(json.load(answer))
        except (ValueError, urllib.error.HTTPError) as error:
            raise OSError(f"{path}: {error}") from error


def containers(engine: Engine, *labels: str) -> list[dict[str, Any]]:
    """The project's containers as the engine lists them, newest first, stopped ones included."""
    filters = json.dumps({"label": [f"{_LABEL}.project={PROJECT}", *labels]})
    query = [("all", "1"), ("filters", filters)]
    return list(engine.call("GET", "/containers/json", query=query))


def working_dir(container: dict[str, Any]) -> str:
    """The folder of the Compose file that a container came from."""
    return str(container["Labels"].get(f"{_LABEL}.project.working_dir", ""))


def choose_port(engine: Engine, wanted: int) -> int:
    """The port of the shop that runs already, else the wanted one, else the next that is free."""
    for container in containers(engine, f"{_LABEL}.service=web"):
        for port in container.get("Ports") or []:
            if port.get("PublicPort"):
                return int(port["PublicPort"])
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise SetupError(f"no port from {wanted} to {wanted + 99} is free", "SHOP_PORT=9000 make demo")


def wait(condition: Any, seconds: float) -> float | None:
    """Seconds until the condition holds, or None when it did not in time."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        if condition():
            return passed
        time.sleep(0.05)
    return None


def _seen(inspected: dict[str, Any]) -> Seen:
    state = inspected["State"]
    return Seen(
        id=inspected["Id"],
        name=inspected["Name"].lstrip("/"),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        started_at=state["StartedAt"],
        working_dir=inspected["Config"]["Labels"].get(f"{_LABEL}.project.working_dir", ""),
    )
