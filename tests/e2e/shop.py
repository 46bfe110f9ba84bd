"""The shop of the examples, from outside: over HTTP, and its worker from the host."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from support.installation import Installation, until
from support.real_engine import ROOT

FOLDER = ROOT / "examples" / "shop"
SERVICES = ("api", "cache", "db", "web")
HEALED_WITHIN_S = 60.0


class Shop:
    """One deployment of it under its own project name and port."""

    def __init__(self, tabib: Installation, port: int, name: str = "") -> None:
        self.tabib = tabib
        self.port = port
        self.name = name or tabib.prefix
        self.env = {"SHOP_PORT": str(port)}
        self.words = ("-f", str(FOLDER / "compose.yaml"), "-p", self.name)

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def ids(self) -> dict[str, str]:
        """Service → id of its container."""
        found = {}
        for service in SERVICES:
            inspection = self.tabib.inspect(self.container(service))
            found[service] = inspection["Id"] if inspection else ""
        return found

    def page(self) -> str:
        return self._http("/").decode()

    def order(self, item: str) -> dict[str, Any]:
        """Buy something through the web container. :raises OSError: it does not sell."""
        return dict(json.loads(self._http("/api/orders", {"item": item})))

    def orders(self) -> int:
        return int(json.loads(self._http("/api/orders"))["total"])

    def hang(self) -> None:
        """Let the API answer nobody any more."""
        self._http("/api/hang", {})

    def kill_worker(self) -> None:
        """SIGKILL to the process under the init of the API's container, past the engine."""
        inspection = self.tabib.inspect(self.container("api"))
        assert inspection is not None
        first = int(inspection["State"]["Pid"])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        assert children, "the worker does not run"
        os.kill(int(children[0]), signal.SIGKILL)

    def well(self, service: str, before: str) -> bool:
        """Whether the service runs anew since ``before`` (its start), is healthy, and sells."""
        found = self.tabib.inspect(self.container(service))
        if found is None or started(found) == before:
            return False
        if found["State"].get("Health", {}).get("Status") != "healthy":
            return False
        try:
            self.orders()
        except OSError:
            return False
        return True

    def healed(self, service: str, before: str) -> None:
        until(lambda: self.well(service, before), HEALED_WITHIN_S, f"{service} well again")

    def started_at(self, service: str) -> str:
        found = self.tabib.inspect(self.container(service))
        assert found is not None, f"there is no {service}"
        return started(found)

    def incident(self, service: str, known: set[str]) -> dict[str, Any]:
        """The closed incident of a service that is not among the ``known`` ids."""

        def closed() -> dict[str, Any] | None:
            for one in self.tabib.incidents(self.name):
                if one["service"] == service and one["id"] not in known and one["closed_at"]:
                    return one
            return None

        return until(closed, HEALED_WITHIN_S, f"the end of an incident of {service}")

    def _http(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=3) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise OSError(f"{path}: {error}") from error


def started(inspection: dict[str, Any]) -> str:
    return str(inspection["State"]["StartedAt"])
