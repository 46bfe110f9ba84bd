"""``tabib snapshots``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.project import name_or_all
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client
    from tabib.model.backup import RepositoryAddress

_CREDENTIALS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"),
    *("RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"),
    *("TABIB_SSH_KEY", "TABIB_SSH_KNOWN_HOSTS", "TABIB_CACERT"),
)
"""Variables that a repository's credentials are taken from; ``RCLONE_…`` too."""


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from tabib.cli.complete import complete_projects

    return complete_projects(ctx, parameter, incomplete)


@command(
    "snapshots",
    examples=(
        "tabib snapshots             of the project here, newest first; elsewhere of all",
        "tabib snapshots shop --json",
        "tabib snapshots --repository s3:https://s3.example.com/bucket --key-file key.txt",
    ),
)
@click.argument("project", metavar="[PROJECT]", default="", shell_complete=_complete)
@click.option(
    "--repository",
    metavar="URL",
    default="",
    help="Read this repository itself; credentials are taken from the environment.",
)
@click.option(
    "--key-file", metavar="FILE", default="", help="Holds the key of that repository (- to type)."
)
@click.option("--quiet", "-q", is_flag=True, help="Ids only.")
@json_option
@click.pass_obj
def snapshots(
    settings: Settings, project: str, repository: str, key_file: str, quiet: bool, as_json: bool
) -> None:
    """List the copies of data: how old, how large, how consistent, and whether a drill has
    restored them."""
    if key_file and not repository:
        raise UsageError(
            "--key-file goes with --repository",
            attempted="read the options of",
            target="tabib snapshots",
        )
    console = Console(settings.ansi)
    if repository:
        key = read_key(key_file) if key_file else ""
        with connect(settings) as client:
            rows = _read(client, repository, key, project)
        name = project
    else:
        name = project or name_or_all(settings)
        with connect(settings) as client:
            rows = client.get("/v1/snapshots", {"project": name or None})
    if as_json:
        console.json(rows)
    elif quiet:
        for row in rows:
            console.line(str(row["id"]))
    elif rows:
        from tabib.cli.render.snapshots import snapshot_table

        for line in snapshot_table(rows, console, with_project=not name):
            console.line(line)
    else:
        of = f" of {name}" if name else ""
        where = f" in {_plain(repository)}" if repository else ""
        hint = "" if repository else "; `tabib backup` takes one"
        console.say(f"no snapshots{of}{where}{hint}")


def _read(client: Client, url: str, key: str, project: str) -> Any:
    from tabib.client.encode import encode
    from tabib.model.wire import RepositoryRequest

    request = RepositoryRequest(address=address_of(url), key=key, project=project)
    # Each snapshot in it is a run of restic of its own.
    return client.post("/v1/repository/snapshots", encode(request), timeout=600.0)


def address_of(url: str) -> RepositoryAddress:
    """The repository at ``url``, with the credentials that the environment has for it."""
    from tabib.model.backup import RepositoryAddress

    if url.startswith((".", "~")) or (Path(url).exists() and not url.startswith("/")):
        url = os.path.abspath(os.path.expanduser(url))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _CREDENTIALS or name.startswith("RCLONE_")
    }
    return RepositoryAddress(url=url, environment=environment)


def read_key(file: str) -> str:
    """The key in a file; ``-``: asked for on the terminal, unseen.

    :raises UsageError: the file cannot be read, or holds no key.
    """
    if file == "-":
        text = str(click.prompt("Key", hide_input=True, err=True))
    else:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise UsageError(str(why or error), attempted="read key", target=file) from error
    text = text.strip()
    if not text or len(text.split()) > 1:
        raise UsageError(
            "it holds no key",
            attempted="read key",
            target=file,
            advice="It is the one line that `tabib backup --key` printed.",
        )
    return text


def _plain(url: str) -> str:
    """``url`` without user and password."""
    head, mark, rest = url.partition("//")
    return head + mark + rest.rpartition("@")[2] if mark else url
