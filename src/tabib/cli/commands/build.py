"""``tabib build``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tabib.cli.builds import base_images, credentials, sources_for
from tabib.cli.console import Console
from tabib.cli.interactive import environment_of
from tabib.cli.loading import load_project
from tabib.cli.operation import follow, progress_for
from tabib.cli.options import apply_all, command, dry_run_option, json_option, services_argument
from tabib.cli.project import check_services
from tabib.cli.render.plan import print_plan
from tabib.cli.render.summary import build_summary
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings

if TYPE_CHECKING:
    from tabib.client.sources import Sources
    from tabib.model.project import Project
    from tabib.model.wire import BuildRequest

_options = apply_all(
    click.option("--no-cache", is_flag=True, help="Build each layer anew."),
    click.option("--pull", is_flag=True, help="Pull newer versions of base images."),
    click.option("build_args", "--build-arg", multiple=True, metavar="KEY=VALUE",
                 help="Set a build argument; KEY alone takes it from the environment."),
    click.option("--push", is_flag=True, help="Push each image once it is built."),
    click.option("--with-dependencies", is_flag=True, help="Build what the services need too."),
    click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong."),
)  # fmt: skip


@command(
    "build",
    examples=(
        "tabib build                      every service that has `build:`",
        "tabib build --dry-run api        which image, by which builder, and why",
        "tabib build --no-cache --build-arg VERSION=2 api",
    ),
)
@services_argument
@_options
@dry_run_option
@json_option
@click.pass_obj
def build(settings: Settings, /, **given: Any) -> int:
    """Build the images of services, also those that are there.

    Runs nothing: `tabib up` recreates the containers whose image is another one then.
    """
    project = load_project(settings, given["services"])
    check_services(project, given["services"])
    sources = sources_for(settings, project)
    request = _request(project, settings, given, sources)
    console = Console(settings.ansi)
    quiet = given["quiet"] or given["dry_run"] or given["as_json"]
    from tabib.client.encode import encode

    with connect(settings) as client:
        progress = progress_for(settings, quiet=quiet)
        progress.board.shows_output = True
        path, chunks = f"/v1/projects/{project.name}/build", sources.chunks if sources else None
        result = follow(client, path, encode(request), progress, chunks)
    if given["dry_run"]:
        print_plan(progress.board, console, settings.progress)
    elif given["as_json"]:
        console.json([{"service": name, **one} for name, one in result["images"].items()])
    elif not quiet and settings.progress not in ("json", "quiet"):
        console.say(build_summary(result))
    return 0


def _request(
    project: Project, settings: Settings, given: dict[str, Any], sources: Sources | None
) -> BuildRequest:
    from tabib.model.build import BuildChoice
    from tabib.model.wire import BuildRequest

    images = {one.image for one in project.services.values()} if given["push"] else set()
    return BuildRequest(
        project=project,
        services=given["services"],
        with_dependencies=given["with_dependencies"],
        choice=BuildChoice(
            no_cache=given["no_cache"],
            pull=given["pull"],
            args=environment_of(given["build_args"], "--build-arg"),
            push=given["push"],
        ),
        sources=sources.look(()) if sources else {},
        by=who(),
        dry_run=given["dry_run"],
        no_wait_lease=settings.no_wait,
        credentials={} if given["dry_run"] else credentials(images | base_images(sources)),
    )
