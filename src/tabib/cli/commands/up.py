"""``tabib up``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tabib.cli.builds import base_images, credentials, sources_for
from tabib.cli.console import Console
from tabib.cli.loading import load_project
from tabib.cli.operation import follow, progress_for
from tabib.cli.options import (
    apply_all,
    changing_options,
    command,
    services_argument,
    timeout_option,
)
from tabib.cli.project import check_services
from tabib.cli.render.plan import print_plan
from tabib.cli.render.summary import unattended_note, up_summary
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client
    from tabib.client.sources import Sources
    from tabib.model.project import Project
    from tabib.model.wire import UpRequest


def parse_scale(pairs: Iterable[str]) -> dict[str, int]:
    """``SERVICE=N`` each.

    :raises UsageError: not of that form.
    """
    scale = {}
    for pair in pairs:
        name, equals, number = pair.partition("=")
        if not equals or not name or not number.isdigit():
            raise UsageError("wants SERVICE=NUMBER", attempted="read the scale", target=repr(pair))
        scale[name] = int(number)
    return scale


def pull_credentials(
    project: Project, policy: str, sources: Sources | None = None
) -> Mapping[str, Mapping[str, str]]:
    """Registry credentials for what may have to be pulled, for this operation alone."""
    images = {
        service.image
        for service in project.services.values()
        if service.image and (policy or service.spec.get("pull_policy")) != "never"
    }
    return credentials((images if policy != "never" else set()) | base_images(sources))


_what_options = apply_all(
    click.option("--pull", type=click.Choice(["always", "missing", "never"]),
                 help="When to pull images."),
    click.option("--build", is_flag=True, help="Build images, also those that are there."),
    click.option("--no-build", is_flag=True, help="Build nothing, even where an image is missing."),
    click.option("--quiet-pull", is_flag=True, hidden=True),
    click.option("--scale", multiple=True, metavar="SERVICE=N", help="Number of containers."),
    click.option("--remove-orphans", is_flag=True,
                 help="Remove containers of services that the file no longer has."),
    click.option("--force-recreate", is_flag=True, help="Recreate containers that are unchanged."),
    click.option("--no-recreate", is_flag=True, help="Leave existing containers as they are."),
    click.option("--always-recreate-deps", is_flag=True, help="Recreate dependencies too."),
    click.option("--no-deps", is_flag=True, help="Leave dependencies alone."),
    click.option("--no-start", is_flag=True, help="Create only."),
    click.option("--no-backup", is_flag=True,
                 help="Take no snapshot before a change that could cost data."),
    click.option("renew_anon_volumes", "--renew-anon-volumes", "-V", is_flag=True,
                 help="New anonymous volumes instead of the former ones."),
)  # fmt: skip
_how_options = apply_all(
    click.option("--detach", "-d", is_flag=True, help="As always: returns once healthy."),
    click.option("--wait", is_flag=True, help="As always: waits until healthy."),
    click.option("wait_timeout_s", "--wait-timeout", type=click.FloatRange(min=0),
                 metavar="SECONDS", help="How long to wait until healthy."),
    click.option("--attach", is_flag=True, help="Follow the logs afterwards."),
    click.option("--abort-on-container-exit", is_flag=True,
                 help="Follow the logs; stop everything when a container exits."),
    click.option("--exit-code-from", metavar="SERVICE",
                 help="The same, and exit with the code of SERVICE."),
    click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong."),
)  # fmt: skip


@command(
    "up",
    examples=(
        "tabib up                         start what compose.yaml says, wait until healthy",
        "tabib up --dry-run               show each step and why, change nothing",
        "tabib up --scale worker=3 web    only web (and what it needs) and three workers",
    ),
)
@services_argument
@_what_options
@_how_options
@timeout_option
@changing_options
@click.pass_obj
def up(settings: Settings, /, **given: Any) -> int:
    """Make the project run as its Compose file says, and wait until it is healthy.

    Recreates only what changed, makes a release of each change, and takes the project into care:
    what fails later is brought back.
    """
    _refuse_contradictions(given)
    project = load_project(settings, given["services"])
    ending = given["exit_code_from"]
    check_services(project, [*given["services"], *([ending] if ending else [])])
    sources = sources_for(settings, project)
    request = _request(project, settings, given, sources)
    begun = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    with connect(settings) as client:
        progress = progress_for(settings, quiet=given["quiet"] or given["dry_run"])
        path, chunks = f"/v1/projects/{project.name}/up", sources.chunks if sources else None
        result = follow(client, path, _encode(request), progress, chunks)
        console = Console(settings.ansi)
        if given["dry_run"]:
            print_plan(progress.board, console, settings.progress)
            return 0
        if not given["quiet"] and settings.progress not in ("json", "quiet"):
            console.say(up_summary(result, console))
            if result.get("changed") and progress.board.unattended:
                console.say(f"note: {unattended_note(progress.board.unattended)}")
        given["services"] = _followed(project, given["services"])
        return _afterwards(client, settings, project.name, given, begun)


def _followed(project: Project, named: Sequence[str]) -> tuple[str, ...]:
    """Whose lines are shown: of those that are named, else of all but who says `attach: false`."""
    loud = [name for name, service in project.services.items() if service.spec.get("attach", True)]
    return tuple(named) if named or len(loud) == len(project.services) else tuple(loud)


def _refuse_contradictions(given: Mapping[str, Any]) -> None:
    if given["build"] and given["no_build"]:
        raise UsageError("--build and --no-build exclude each other")
    if given["force_recreate"] and given["no_recreate"]:
        raise UsageError("--force-recreate and --no-recreate exclude each other")


def _request(
    project: Project, settings: Settings, given: Mapping[str, Any], sources: Sources | None
) -> UpRequest:
    from tabib.model.wire import UpRequest

    ends_with_a_container = given["abort_on_container_exit"] or given["exit_code_from"]
    same = ("services", "force_recreate", "no_recreate", "always_recreate_deps", "no_deps",
            "no_start", "remove_orphans", "renew_anon_volumes", "timeout_s", "wait_timeout_s",
            "dry_run", "yes", "no_backup")  # fmt: skip
    return UpRequest(
        project=project,
        by=who(),
        scale=parse_scale(given["scale"]),
        pull=given["pull"] or "",
        wait=not ends_with_a_container,
        # What exits ends the run then; nobody shall bring it back meanwhile.
        care="observe" if ends_with_a_container else "",
        no_wait_lease=settings.no_wait,
        credentials={}
        if given["dry_run"]
        else pull_credentials(project, given["pull"] or "", sources),
        build="always" if given["build"] else "never" if given["no_build"] else "",
        sources=sources.look(()) if sources else {},
        **{name: given[name] for name in same},
    )


def _encode(request: UpRequest) -> bytes:
    from tabib.client.encode import encode

    return encode(request)


def _afterwards(
    client: Client, settings: Settings, project: str, given: Mapping[str, Any], begun: str
) -> int:
    """What comes after the containers run; their logs are shown from ``begun`` on."""
    from tabib.cli.attach import until_detached, until_exit

    services = given["services"]
    if given["abort_on_container_exit"] or given["exit_code_from"]:
        of = given["exit_code_from"] or ""
        return until_exit(client, settings, project, services, begun, of)
    if given["attach"]:
        return until_detached(client, settings, project, services, begun)
    return 0
