"""Logs on the screen, for ``tabib logs`` and for ``tabib up --attach``."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tabib.cli.console import Console
from tabib.cli.recorded import checked
from tabib.cli.render.logs import LogPrinter, in_time_order
from tabib.cli.settings import Settings
from tabib.model.errors import TabibError

if TYPE_CHECKING:
    from tabib.client.api import Client

_LAST_LINES_S = 1.0
"""How long the last lines of stopped containers may take to arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """Which lines, and how they look. Times are RFC 3339 UTC; ``tail`` None: all lines."""

    project: str
    services: tuple[str, ...] = ()
    follow: bool = False
    tail: int | None = None
    since: str | None = None
    until: str | None = None
    timestamps: bool = False
    prefix: bool = True
    as_json: bool = False


def print_logs(client: Client, settings: Settings, view: LogView) -> None:
    """Print the lines until they end (with ``follow``: until the project does, or Ctrl-C).

    :raises TabibError: the daemon answered an error.
    """
    lines: Iterable[Mapping[str, Any]] = project_lines(client, view, view.services)
    if not view.follow:
        lines = in_time_order(lines)
    labels = _labels(client, view) if view.prefix and not view.as_json else ()
    print_lines(lines, settings, view, labels)


def project_lines(
    client: Client, view: LogView, services: Sequence[str]
) -> Iterable[Mapping[str, Any]]:
    """The lines of these services' containers (none: of all), as the engine has them."""
    query = {
        "service": list(services),
        "follow": view.follow,
        "tail": view.tail,
        "since": view.since,
        "until": view.until,
    }
    return _checked(client.stream("GET", f"/v1/projects/{view.project}/logs", query=query))


def print_lines(
    lines: Iterable[Mapping[str, Any]],
    settings: Settings,
    view: LogView,
    labels: Sequence[str] = (),
) -> None:
    """Print them as ``view`` wants; ``labels``: prefixes that will appear."""
    printer = LogPrinter(
        view.project,
        color=Console(settings.ansi).out_color,
        prefix=view.prefix,
        timestamps=view.timestamps,
        labels=labels,
    )
    for line in lines:
        text = json.dumps(line, ensure_ascii=False) if view.as_json else printer.format(line)
        sys.stdout.write(text + "\n")
        if view.follow:
            sys.stdout.flush()


def _checked(messages: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Log lines only; an error at the end of the stream is raised."""
    return (message for message in checked(messages) if "text" in message)


def _labels(client: Client, view: LogView) -> list[str]:
    """The labels that will appear, so that all prefixes are equally wide from the start."""
    query = {"project": view.project, "service": list(view.services), "all": True}
    names = [str(row["name"]) for row in client.get("/v1/containers", query)]
    return [name.removeprefix(f"{view.project}-") for name in names]


def until_detached(
    client: Client, settings: Settings, project: str, services: Sequence[str], since: str
) -> int:
    """Follow the logs from ``since`` (RFC 3339) until Ctrl-C; the containers run on."""
    view = LogView(project=project, services=tuple(services), follow=True, since=since)
    try:
        print_logs(client, settings, view)
    except KeyboardInterrupt:
        Console(settings.ansi).say(
            f"\nleft the logs; {project} runs on (`tabib logs -f`, `tabib stop`)"
        )
    return 0


def until_exit(
    client: Client,
    settings: Settings,
    project: str,
    services: Sequence[str],
    since: str,
    of: str,
) -> int:
    """Follow the logs from ``since`` until a container (of service ``of``, or any) exits; stop the
    project. Returns that container's exit code.
    """
    view = LogView(project=project, services=tuple(services), follow=True, since=since)
    printing = threading.Thread(target=_quietly, args=(client, settings, view), daemon=True)
    printing.start()
    try:
        ended = _first_exit(client, project, services, of)
        code = int(ended.get("exit_code") or 0)
        Console(settings.ansi).say(
            f"{ended.get('name')} exited with code {code}; stopping the rest"
        )
    finally:
        _stop_all(client, settings, project)
        printing.join(_LAST_LINES_S)
    return code


def _quietly(client: Client, settings: Settings, view: LogView) -> None:
    with suppress(TabibError, BrokenPipeError):
        print_logs(client, settings, view)


def _first_exit(
    client: Client, project: str, services: Sequence[str], of: str
) -> Mapping[str, Any]:
    """The row of the first container that ended. Looks anew at every change."""
    query = {"project": project, "service": [of] if of else list(services), "all": True}

    def ended() -> Mapping[str, Any] | None:
        rows = client.get("/v1/containers", query)
        return next((row for row in rows if row.get("state") in ("exited", "dead")), None)

    # The stream is open before the first look: what ends in between is seen by one of the two.
    changes = client.stream("GET", f"/v1/projects/{project}/watch")
    found = None
    while found is None:
        found = ended()
        if found is None and next(changes, None) is None:
            changes = client.stream("GET", f"/v1/projects/{project}/watch")
    return found


def _stop_all(client: Client, settings: Settings, project: str) -> None:
    from tabib.cli.operation import follow, progress_for
    from tabib.cli.session import who
    from tabib.client.encode import encode
    from tabib.model.wire import ActionRequest

    body = encode(ActionRequest(verb="stop", by=who()))
    follow(client, f"/v1/projects/{project}/actions", body, progress_for(settings, quiet=True))
