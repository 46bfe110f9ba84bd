"""``pull`` and ``push``: one request, one line at the end."""

from __future__ import annotations

from typing import Any

from tabib.cli.builds import credentials
from tabib.cli.console import Console
from tabib.cli.loading import load_project
from tabib.cli.operation import follow, progress_for
from tabib.cli.project import check_services
from tabib.cli.render.plan import print_plan
from tabib.cli.render.summary import transfer_summary
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings


def transfer(settings: Settings, verb: str, given: dict[str, Any]) -> int:
    """Carry out ``verb`` for the images of the services that were named, or of all."""
    from tabib.client.encode import encode
    from tabib.model.wire import ImagesRequest

    project = load_project(settings, given["services"])
    check_services(project, given["services"])
    images = {one.image for one in project.services.values()}
    for service in project.services.values():
        images |= set((service.spec.get("build") or {}).get("tags") or ())
    same = ("services", "ignore_failures", "dry_run")
    request = ImagesRequest(
        project=project,
        with_dependencies=given["with_dependencies"],
        policy=given.get("policy") or "",
        ignore_buildable=given.get("ignore_buildable", False),
        by=who(),
        no_wait_lease=settings.no_wait,
        credentials={} if given["dry_run"] else credentials(images),
        **{name: given[name] for name in same},
    )
    console = Console(settings.ansi)
    quiet = given["quiet"] or given["dry_run"] or given["as_json"]
    with connect(settings) as client:
        progress = progress_for(settings, quiet=quiet)
        path = f"/v1/projects/{project.name}/{verb}"
        result = follow(client, path, encode(request), progress)
    if given["dry_run"]:
        print_plan(progress.board, console, settings.progress)
    elif given["as_json"]:
        console.json([{"image": image, "id": one} for image, one in result["images"].items()])
    elif not quiet and settings.progress not in ("json", "quiet"):
        for line in transfer_summary(verb, result):
            console.say(line)
    return 0
