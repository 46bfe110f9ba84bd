"""``tabib port``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tabib.cli.console import Console
from tabib.cli.containers import container_of
from tabib.cli.options import command, index_option, json_option, service_argument
from tabib.cli.project import name_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import NotFound


@command(
    "port",
    examples=(
        "tabib port web 80                where port 80 of web is published",
        "tabib port --protocol udp dns 53",
    ),
)
@service_argument
@click.argument("private_port", type=click.IntRange(1, 65535))
@index_option
@click.option("--protocol", type=click.Choice(["tcp", "udp", "sctp"]), default="tcp")
@json_option
@click.pass_obj
def port(
    settings: Settings,
    service: str,
    private_port: int,
    index: int | None,
    protocol: str,
    as_json: bool,
) -> None:
    """Print the address at which a container's port is published."""
    project = name_of(settings)
    with connect(settings) as client:
        row = container_of(client, project, service, index)
    found = published(row, private_port, protocol)
    console = Console(settings.ansi)
    if as_json:
        console.json(found)
        return
    if not found:
        raise NotFound(
            f"{row['name']} does not publish it",
            attempted="find port",
            target=f"{private_port}/{protocol}",
            advice="`tabib ps` lists what is published.",
        )
    address = str(found[0]["host_ip"])
    console.line(f"{f'[{address}]' if ':' in address else address}:{found[0]['host_port']}")


def published(row: Mapping[str, Any], private_port: int, protocol: str) -> list[dict[str, Any]]:
    """Addresses of one port of a container; IPv4 first."""
    found = [
        {"host_ip": str(port.get("host_ip") or "0.0.0.0"), "host_port": int(port["host_port"])}
        for port in row.get("ports") or ()
        if int(port.get("container_port") or 0) == private_port
        and str(port.get("protocol") or "tcp") == protocol
        and port.get("host_port")
    ]
    return sorted(found, key=lambda entry: ":" in entry["host_ip"])
