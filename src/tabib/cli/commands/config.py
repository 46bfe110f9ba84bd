"""``tabib config``."""

from __future__ import annotations

import sys
from typing import Any

import click

from tabib.cli.options import apply_all, command, json_option, services_argument
from tabib.cli.project import check_services, load_project
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError
from tabib.model.project import Project

_list_options = apply_all(
    click.option("list_services", "--services", is_flag=True, help="Names of services only."),
    click.option("list_volumes", "--volumes", is_flag=True, help="Names of volumes only."),
    click.option("list_networks", "--networks", is_flag=True, help="Names of networks only."),
    click.option("list_images", "--images", is_flag=True, help="Names of images only."),
    click.option("list_profiles", "--profiles", is_flag=True, help="Names of profiles only."),
    click.option("hash_of", "--hash", metavar="SERVICE|*", help="Configuration hashes only."),
)


@command(
    "config",
    examples=(
        "tabib config                  the whole project as YAML, everything filled in",
        "tabib config --format json    exactly what `docker compose config --format json` prints",
        "tabib config -q && echo fine  check only",
    ),
)
@services_argument
@click.option("style", "--format", type=click.Choice(["yaml", "json"]), default="yaml")
@json_option
@click.option("--quiet", "-q", is_flag=True, help="Check only, print nothing.")
@click.option("output", "--output", "-o", metavar="FILE", help="Write to a file.")
@click.option("--no-interpolate", is_flag=True, help="Leave variables as they are.")
@click.option("--fidelity", is_flag=True, help="What engines make of each property in use.")
@_list_options
@click.pass_obj
def config(settings: Settings, /, services: tuple[str, ...], **given: Any) -> None:
    """Check the Compose files and print the project they mean. Needs no daemon."""
    everything = given["list_profiles"] or given["list_volumes"] or given["list_networks"]
    project = load_project(
        settings,
        services,
        no_interpolate=given["no_interpolate"],
        all_resources=bool(everything),
        no_hashes=not given["hash_of"],
    )
    check_services(project, services)
    if given["quiet"]:
        return
    text = _fidelity(project, given) if given["fidelity"] else _listing(project, given)
    if text is None:
        from tabib.compose import render

        as_json = given["as_json"] or given["style"] == "json"
        text = render.as_json(project) if as_json else render.as_yaml(project)
    _write(text, given["output"])


def _fidelity(project: Project, given: dict[str, Any]) -> str:
    from tabib.cli.render.fidelity import as_json, as_text

    return as_json(project) if given["as_json"] or given["style"] == "json" else as_text(project)


def _listing(project: Project, given: dict[str, Any]) -> str | None:
    """One name per line for the ``--services`` family; None where none of it is asked for."""
    lines: list[str]
    if given["list_services"]:
        lines = list(project.services)
    elif given["list_volumes"]:
        lines = list(project.volumes)
    elif given["list_networks"]:
        lines = list(project.networks)
    elif given["list_images"]:
        lines = sorted({service.image for service in project.services.values() if service.image})
    elif given["list_profiles"]:
        lines = _profiles(project)
    elif given["hash_of"]:
        lines = _hashes(project, given["hash_of"])
    else:
        return None
    return "".join(f"{line}\n" for line in lines)


def _profiles(project: Project) -> list[str]:
    services = [*project.services.values(), *project.disabled.values()]
    return sorted({name for service in services for name in service.spec.get("profiles") or ()})


def _hashes(project: Project, of: str) -> list[str]:
    wanted = list(project.services) if of == "*" else of.split(",")
    check_services(project, wanted)
    return [f"{name} {project.services[name].config_hash}" for name in sorted(wanted)]


def _write(text: str, output: str | None) -> None:
    if not output:
        sys.stdout.write(text)  # As it is: Compose ends its JSON without a line end, too.
        return
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(error.strerror or str(error), attempted="write", target=output) from error
