"""``tabib cp``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.containers import container_of
from tabib.cli.options import command, dry_run_option, index_option
from tabib.cli.project import name_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tabib.client.api import Client
    from tabib.client.copy import RemoteFiles


@command(
    "cp",
    examples=(
        "tabib cp web:/etc/nginx/nginx.conf .     from a container",
        "tabib cp ./static/. web:/srv/static      the contents of a folder, into one",
        "tabib cp db:/var/lib/data - | tar -t     as a tar stream",
    ),
)
@click.argument("source", metavar="SOURCE")
@click.argument("destination", metavar="DESTINATION")
@index_option
@click.option("--all", "every", is_flag=True, help="Into every container of the service.")
@click.option("--archive", "-a", is_flag=True, help="Keep owner and group.")
@click.option("follow_link", "--follow-link", "-L", is_flag=True, help="Follow links in SOURCE.")
@dry_run_option
@click.pass_obj
def cp(settings: Settings, /, source: str, destination: str, **given: Any) -> None:
    """Copy files between a container and here. One side is SERVICE:PATH, the other a path or `-`.

    A folder is copied into an existing DESTINATION, or becomes it; SOURCE/. copies its contents.
    """
    from tabib.client import copy

    from_service, from_path = split(source)
    to_service, to_path = split(destination)
    if bool(from_service) == bool(to_service):
        raise UsageError(
            "one side must be SERVICE:PATH, the other a path here", attempted="copy", target=source
        )
    console = Console(settings.ansi)
    options = copy.CopyOptions(keep_owner=given["archive"], follow_link=given["follow_link"])
    service = from_service or to_service
    with _containers(settings, service, given["index"], given["every"] and bool(to_service)) as (
        client,
        rows,
    ):
        for row in rows:
            if given["dry_run"]:
                console.line(f"would copy {source} to {destination} ({row['name']})")
                continue
            files = _files(client, str(row["id"]))
            if from_service:
                copy.download(files, from_path, to_path, options, sys.stdout.buffer)
            else:
                copy.upload(files, from_path, to_path, options, sys.stdin.buffer)
    if not given["dry_run"] and destination != "-":
        console.say(f"copied {source} to {destination}")


def split(text: str) -> tuple[str, str]:
    """(service, path); no service for a path here. A path with a colon here starts with ./ or /."""
    service, colon, path = text.partition(":")
    if not colon or text.startswith((".", "/", "~")) or not service:
        return "", text
    return service, path or "/"


@contextmanager
def _containers(
    settings: Settings, service: str, index: int | None, every: bool
) -> Iterator[tuple[Client, list[Any]]]:
    project = name_of(settings)
    with connect(settings) as client:
        first = container_of(client, project, service, index, stopped=True)
        if not every:
            yield client, [first]
            return
        query = {"project": project, "service": service, "all": True}
        yield client, client.get("/v1/containers", query)


def _files(client: Client, container: str) -> RemoteFiles:
    from tabib.client.copy import RemoteFiles

    return RemoteFiles(client, f"/v1/containers/{quote(container, safe='')}/archive")
