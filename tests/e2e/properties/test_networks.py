"""Networks, names and ports, as they are seen from other containers and from outside."""

from __future__ import annotations

import urllib.request
from typing import Any

from e2e.properties.conftest import Properties


def network(project: Properties, service: str, key: str) -> Any:
    return project.inspect(service, "NetworkSettings", "Networks", f"{project.name}_{key}")


def published(project: Properties, service: str, port: str, slot: int = 1) -> list[tuple[str, int]]:
    """Host address and port of each IPv4 binding."""
    bindings = project.inspect(service, "NetworkSettings", "Ports", slot=slot)[port] or ()
    pairs = {(one["HostIp"], int(one["HostPort"])) for one in bindings}
    return sorted(pair for pair in pairs if ":" not in pair[0])


def fetched(project: Properties, port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return str(answer.read().decode())


def test_addresses_and_options(project: Properties) -> None:
    front, back = (network(project, "network", key) for key in ("front", "back"))
    assert project.host("network", "NetworkMode") == f"{project.name}_front", "by priority"
    assert front["DriverOpts"] == {"com.example.x": "1"}
    assert front["MacAddress"] == "02:42:ac:11:65:43"
    assert back["IPAMConfig"] == {"IPv4Address": "10.97.6.9", "LinkLocalIPs": ["169.254.8.8"]}
    assert {"ff", "network"} <= set(front["Aliases"])
    said = project.ask("network", links="ip -o addr", route="ip route | grep default")
    assert "10.97.6.9/24" in said["links"]
    assert front["Gateway"] in said["route"]
    assert (
        project.ask("network", mac="cat /sys/class/net/*/address")["mac"].count("02:42:ac:11:65:43")
        == 1
    )


def test_networks_themselves(project: Properties) -> None:
    call = project.tabib.engine.call
    front, back = (call("GET", f"/networks/{project.name}_{key}") for key in ("front", "back"))
    assert front["Labels"]["x"] == "y"
    assert front["Attachable"] is True
    assert front["Options"]["com.docker.network.bridge.name"] == project.tabib.env["BRIDGE"]
    assert back["Internal"] is True
    assert back["IPAM"]["Config"] == [{"Subnet": "10.97.6.0/24", "Gateway": "10.97.6.1"}]


def test_names_lead_to_containers(project: Properties) -> None:
    named = project.name + "-named"
    # `ping` by any of the names must reach the address of the container that is meant
    names = ("network", "ff", "linked", "words", "outside", named)
    said = project.ask("peer", **{name: f"ping -c 1 -w 3 {name} | head -1" for name in names})
    front = network(project, "network", "front")["IPAddress"]
    for name in ("network", "ff", "linked"):
        assert f"({front})" in said[name], name
    default = network(project, "words", "default")["IPAddress"]
    for name in ("words", "outside", named):
        assert f"({default})" in said[name], name
    many = project.ask("words", many="nslookup many 127.0.0.11")["many"]
    for slot in (1, 2):
        path = ("NetworkSettings", "Networks", f"{project.name}_default", "IPAddress")
        assert project.inspect("many", *path, slot=slot) in many


def test_internal_networks_lead_nowhere(project: Properties) -> None:
    routes = project.ask("network", routes="ip route")["routes"]
    assert "default via 10.97.6" not in routes


def test_ports_of_every_form(project: Properties) -> None:
    env = project.tabib.env
    assert {"7000/tcp", "7001/udp", "7100/tcp", "7101/tcp", "7102/tcp"} <= set(
        project.config("network", "ExposedPorts")
    )
    web = dict(published(project, "network", "80/tcp"))
    assert web["127.0.0.1"] == int(env["PORT_ONE"])
    assert int(env["PORT_FROM"]) <= web["0.0.0.0"] <= int(env["PORT_TO"])
    first, last = map(int, env["PORT_RANGE"].split("-"))
    assert published(project, "network", "8100/tcp") == [("0.0.0.0", first)]
    assert published(project, "network", "8101/tcp") == [("0.0.0.0", last)]
    [(address, port)] = published(project, "network", "53/udp")
    assert address == "0.0.0.0"
    assert port > 1024
    taken = [published(project, "many", "80/tcp", slot=slot)[0][1] for slot in (1, 2)]
    assert len(set(taken)) == 2
    for port in web.values():
        assert fetched(project, port) == "served\n"
