"""``tabib config``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from tabib.cli.loading import load_project, load_request
from tabib.cli.options import apply_all, command, json_option, services_argument
from tabib.cli.project import check_services
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError
from tabib.model.project import Project


def _flag(name: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(name, is_flag=True, help=help_text)


_list_options = apply_all(
    click.option("list_services", "--services", is_flag=True, help="Names of services only."),
    click.option("list_volumes", "--volumes", is_flag=True, help="Names of volumes only."),
    click.option("list_networks", "--networks", is_flag=True, help="Names of networks only."),
    click.option("list_models", "--models", is_flag=True, help="Names of models only."),
    click.option("list_images", "--images", is_flag=True, help="Names of images only."),
    click.option("list_profiles", "--profiles", is_flag=True, help="Names of profiles only."),
    click.option("list_variables", "--variables", is_flag=True,
                 help="Variables that the files ask for, with their defaults."),
    click.option("list_environment", "--environment", is_flag=True,
                 help="The environment that variables are filled in from."),
    click.option("hash_of", "--hash", metavar="SERVICE|*", help="Configuration hashes only."),
)  # fmt: skip
_load_options = apply_all(
    _flag("--no-interpolate", "Leave variables as they are."),
    _flag("--no-normalize", "Leave out what is implied: default networks, names, dependencies."),
    _flag("--no-path-resolution", "Leave paths relative."),
    _flag("--no-consistency", "Do not check references and exclusions."),
    _flag("--no-env-resolution", "Taken for Compose's sake; it changes nothing there either."),
    _flag("--all-resources", "Keep networks, volumes, configs and secrets that nothing uses."),
    _flag("--resolve-image-digests", "Pin images to their digests; asks the engine."),
    _flag("--lock-image-digests", "An override file with the digests of images alone."),
)
_LOADING = ("no_interpolate", "no_normalize", "no_path_resolution", "no_consistency",
            "all_resources")  # fmt: skip


@command(
    "config",
    examples=(
        "tabib config                  the whole project as YAML, everything filled in",
        "tabib config --format json    exactly what `docker compose config --format json` prints",
        "tabib config -q && echo fine  check only",
    ),
)
@services_argument
@click.option("style", "--format", type=click.Choice(["yaml", "json"]), default=None)
@json_option
@click.option("--quiet", "-q", is_flag=True, help="Check only, print nothing.")
@click.option("output", "--output", "-o", metavar="FILE", help="Write the project to a file.")
@_load_options
@click.option("--fidelity", is_flag=True, help="What engines make of each property in use.")
@_list_options
@click.pass_obj
def config(settings: Settings, /, services: tuple[str, ...], **given: Any) -> None:
    """Check the Compose files and print the project they mean. Needs no daemon."""
    given["style"] = "json" if given["as_json"] else given["style"]
    if given["list_variables"] or (given["no_interpolate"] and not _listing_of_project(given)):
        text, listed = _unfilled(settings, services, given)
    else:
        text, listed = _filled(settings, services, given)
    if not given["quiet"]:
        _write(text, None if listed else given["output"])


def _listing_of_project(given: dict[str, Any]) -> bool:
    wanted = ("volumes", "networks", "models", "images", "profiles", "environment")
    return bool(given["hash_of"] or given["fidelity"] or any(given[f"list_{w}"] for w in wanted))


def _flags(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _LOADING}


# ── without values ───────────────────────────────────────────────────────────────────────────


def _unfilled(
    settings: Settings, services: tuple[str, ...], given: dict[str, Any]
) -> tuple[str, bool]:
    """The model with its variables as they are written, and whether it is only a listing."""
    from tabib.cli.files import RealFiles
    from tabib.compose import rawmodel

    flags = {**_flags(given), "no_interpolate": True}
    model = rawmodel.model(load_request(settings, services, **flags), RealFiles())
    if given["list_variables"]:
        from tabib.cli.render.variables import listing

        return listing(model, given["style"]), True
    members = model.get("services") or {}
    if given["list_services"]:
        return _lines(sorted(members)), True
    if given["resolve_image_digests"] or given["lock_image_digests"]:
        pin = _pin(settings)
        for member in members.values():
            if member.get("image"):
                member["image"] = pin(member["image"])
    if given["lock_image_digests"]:
        only = {name: _image_alone(member) for name, member in members.items()}
        model = type(model)({"services": only})
    render = rawmodel.as_json if given["style"] == "json" else rawmodel.as_yaml
    return render(model), False


def _image_alone(member: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in member.items() if key == "image"}


def _pin(settings: Settings) -> Callable[[str], str]:
    from tabib.cli.digests import Digests

    return Digests(settings).pinned


# ── with values ──────────────────────────────────────────────────────────────────────────────


def _filled(
    settings: Settings, services: tuple[str, ...], given: dict[str, Any]
) -> tuple[str, bool]:
    """The project or a listing of it, and which of the two."""
    every = ("list_services", "list_volumes", "list_networks", "list_models", "hash_of")
    if any(given[name] for name in every):
        services = ()  # Compose lists all that is active, whatever is named beside
    no_hashes = not given["hash_of"]
    project = load_project(settings, services, no_hashes=no_hashes, **_flags(given))
    check_services(project, services)
    from tabib.compose.select import select

    project = select(project, services)
    if given["fidelity"]:
        return _fidelity(project, given), True
    lines = _listing(settings, project, given)
    if lines is not None:
        return _lines(lines), True
    if not given["quiet"]:
        _warn(settings, project)
    return _document(settings, project, given), False


def _fidelity(project: Project, given: dict[str, Any]) -> str:
    from tabib.cli.render.fidelity import as_json, as_text

    return as_json(project) if given["style"] == "json" else as_text(project)


def _warn(settings: Settings, project: Project) -> None:
    """What is accepted without effect, as `up` is going to say it; not at every save (`-q`)."""
    from tabib.cli.console import Console
    from tabib.cli.render.fidelity import without_effect

    console = Console(settings.ansi)
    for line in without_effect(project):
        console.warn(line)


def _document(settings: Settings, project: Project, given: dict[str, Any]) -> str:
    from tabib.compose import render

    if given["resolve_image_digests"] or given["lock_image_digests"]:
        project = _pinned(project, _pin(settings))
    if given["lock_image_digests"]:
        return render.images_only(project, as_json=given["style"] == "json")
    return render.as_json(project) if given["style"] == "json" else render.as_yaml(project)


def _pinned(project: Project, pin: Callable[[str], str]) -> Project:
    services = {}
    for name, service in project.services.items():
        spec = dict(service.spec)
        if spec.get("image"):
            spec["image"] = pin(spec["image"])
        services[name] = replace(service, spec=spec)
    return replace(project, services=services)


def _listing(settings: Settings, project: Project, given: dict[str, Any]) -> list[str] | None:
    """The lines of a listing; None where none is asked for. Compose's order of precedence."""
    from tabib.compose import render

    if given["list_services"]:
        return render.service_names(project)
    if given["list_volumes"]:
        return render.volume_names(project)
    if given["list_networks"]:
        return render.network_names(project)
    if given["list_models"]:
        return [m["model"] for _, m in sorted(project.models.items()) if m.get("model")]
    if given["hash_of"]:
        return _hashes(project, given["hash_of"])
    if given["list_profiles"]:
        return render.profile_names(project)
    if given["list_images"]:
        return render.image_names(project)
    if given["list_environment"]:
        return _environment(settings)
    return None


def _environment(settings: Settings) -> list[str]:
    from tabib.cli.files import RealFiles
    from tabib.compose import rawmodel

    known = rawmodel.environment(load_request(settings), RealFiles())
    return [f"{name}={value}" for name, value in known.items()]


def _hashes(project: Project, of: str) -> list[str]:
    from tabib.compose import render

    names = () if of == "*" else tuple(of.split(","))
    check_services(project, names)
    for name in names:
        if name in project.disabled:
            profiles = ", ".join(project.disabled[name].spec["profiles"])
            raise UsageError(
                "the service is disabled",
                attempted="hash",
                target=name,
                advice=f"It has the profiles: {profiles}.",
            )
    return render.hash_lines(project, names)


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _write(text: str, output: str | None) -> None:
    if not output:
        sys.stdout.write(text)  # As it is: Compose ends its JSON without a line end, too.
        return
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        what = error.strerror or os.strerror(error.errno or 0)
        raise UsageError(what, attempted="write", target=output) from error
