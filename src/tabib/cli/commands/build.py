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
from tabib.model.errors import UsageError

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
    click.option("--ssh", multiple=True, metavar="default|ID=PATH",
                 help="Give builds an SSH agent's socket, or a key."),
    click.option("--builder", metavar="NAME", envvar="BUILDX_BUILDER", default="",
                 help="Build with this builder of `docker buildx`."),
    click.option("--memory", "-m", metavar="SIZE", default="",
                 help="Memory of each instruction, at most (not with BuildKit)."),
    click.option("--provenance", metavar="VALUE", default="",
                 help="Attest how each image was made: true, false, mode=max."),
    click.option("--sbom", metavar="VALUE", default="", help="Attest what is in each image."),
    click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong."),
)  # fmt: skip
_of_compose = apply_all(
    # Compose takes the first four, and does nothing with them.
    *(click.option(f"--{name}", is_flag=True, hidden=True, expose_value=False)
      for name in ("compress", "force-rm", "no-rm", "parallel")),
    click.option("--check", is_flag=True, hidden=True),
    click.option("print_", "--print", is_flag=True, hidden=True),
)  # fmt: skip


@command(
    "build",
    examples=(
        "tabib build                      every service that has `build:`",
        "tabib build --dry-run api        which image, by which builder, and why",
        "tabib build --no-cache --build-arg VERSION=2 api",
        "tabib build --push --builder NAME api    for several `platforms`",
    ),
)
@services_argument
@_options
@_of_compose
@dry_run_option
@json_option
@click.pass_obj
def build(settings: Settings, /, **given: Any) -> int:
    """Build the images of services, also those that are there.

    Runs nothing: `tabib up` recreates the containers whose image is another one then.
    """
    _refuse(given)
    project = load_project(settings, given["services"])
    check_services(project, given["services"])
    sources = sources_for(settings, project, given["ssh"])
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


def _refuse(given: dict[str, Any]) -> None:
    """What is Compose's, and not here.

    :raises UsageError: one of it was asked for.
    """
    if given["check"]:
        raise UsageError(
            "tabib does not check Dockerfiles without building them",
            advice="`docker buildx build --check FOLDER` does, or `docker compose build --check`.",
        )
    if given["print_"]:
        raise UsageError(
            "tabib builds without a bake file, and has none to print",
            advice="`docker compose build --print` does; `tabib build --dry-run` shows each step.",
        )


def _size(text: str) -> int:
    if not text:
        return 0
    from tabib.compose.gotext import size_bytes

    try:
        return size_bytes(text)
    except ValueError as error:
        raise UsageError(str(error), attempted="read", target="--memory") from error


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
            builder=given["builder"],
            memory_bytes=_size(given["memory"]),
            attestations={k: given[k] for k in ("provenance", "sbom") if given[k]},
        ),
        sources=sources.look(()) if sources else {},
        by=who(),
        dry_run=given["dry_run"],
        no_wait_lease=settings.no_wait,
        credentials={} if given["dry_run"] else credentials(images | base_images(sources)),
    )
