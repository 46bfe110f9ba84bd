"""``tabib metrics``."""

from __future__ import annotations

import os
import tempfile
from http.client import HTTPException
from pathlib import Path

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import EngineUnavailable, UsageError


@command(
    "metrics",
    examples=(
        "tabib metrics                                     OpenMetrics text",
        "tabib metrics -o /var/lib/node_exporter/tabib.prom   for its textfile collector",
        "tabib metrics --json",
    ),
)
@click.option("style", "--format", type=click.Choice(["openmetrics", "prometheus"]),
              help="Usually openmetrics; prometheus for a file.")  # fmt: skip
@click.option("file", "--output", "-o", metavar="FILE", help="Replace FILE in one go.")
@json_option
@click.pass_obj
def metrics(settings: Settings, style: str | None, file: str | None, as_json: bool) -> None:
    """Print the newest figures as Prometheus reads them, with the names of cAdvisor."""
    wanted = "json" if as_json else style or ("prometheus" if file else "openmetrics")
    with connect(settings) as client:
        if as_json:
            Console(settings.ansi).json(client.get("/metrics", {"format": "json"}))
            return
        with client.open("GET", "/metrics", query={"format": wanted}) as response:
            try:
                text = response.read().decode()
            except (OSError, HTTPException) as error:
                raise EngineUnavailable(
                    "the connection broke off", attempted="read", target="metrics"
                ) from error
    if file:
        _replace(Path(file), text)
    else:
        Console(settings.ansi).write(text)


def _replace(path: Path, text: str) -> None:
    """A reader sees the file before or after, never a part of it."""
    try:
        descriptor, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(made, 0o644)
        os.replace(made, path)
    except OSError as error:
        raise UsageError(
            error.strerror or str(error), attempted="write", target=str(path)
        ) from error
