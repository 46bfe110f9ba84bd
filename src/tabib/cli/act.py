"""``POST /v1/projects/{name}/actions`` for every command that is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabib.cli.console import Console
from tabib.cli.operation import follow, progress_for
from tabib.cli.project import check_services, target
from tabib.cli.render.plan import print_plan
from tabib.cli.render.summary import action_summary
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings

_DONE = {
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
    "kill": "signalled",
    "pause": "paused",
    "unpause": "unpaused",
    "rm": "removed",
    "scale": "changed",
}


def act(
    settings: Settings,
    verb: str,
    services: Sequence[str],
    options: Mapping[str, Any],
    *,
    dry_run: bool = False,
    yes: bool = False,
    quiet: bool = False,
) -> None:
    """Carry out ``verb`` (see :class:`tabib.model.wire.ActionRequest`) and say how it went."""
    from tabib.client.encode import encode
    from tabib.model.wire import ActionRequest

    meant = target(settings, services)
    if meant.project is not None:
        check_services(meant.project, services)
    request = ActionRequest(
        verb=verb,
        services=tuple(services),
        project=meant.project,
        options={key: value for key, value in options.items() if value is not None},
        dry_run=dry_run,
        yes=yes,
        no_wait_lease=settings.no_wait,
        by=who(),
    )
    console = Console(settings.ansi)
    with connect(settings) as client:
        progress = progress_for(settings, quiet=quiet or dry_run)
        result = follow(client, f"/v1/projects/{meant.name}/actions", encode(request), progress)
    if dry_run:
        print_plan(progress.board, console, settings.progress)
    elif not quiet and settings.progress not in ("json", "quiet"):
        console.say(action_summary(_DONE[verb], result, progress.board.done()))
