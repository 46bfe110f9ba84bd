"""What ``tabib config`` prints: the same as ``docker compose config``."""

from __future__ import annotations

from typing import Any

from tabib.compose.gotext import dumps
from tabib.compose.scalars import plain
from tabib.model.project import Project


def document(project: Project) -> dict[str, Any]:
    """The whole project as one JSON value, keys in Compose's order; a ``$`` stands for itself."""
    parts: dict[str, Any] = {
        "name": project.name,
        "services": {name: dict(s.spec) for name, s in sorted(project.services.items())},
        **project.extensions,
    }
    for section in ("networks", "volumes", "secrets", "configs"):
        members = getattr(project, section)
        if members:
            parts[section] = {key: dict(m.spec) for key, m in sorted(members.items())}
    return {
        key: _sorted(parts[key]) if key.startswith("x-") else parts[key] for key in sorted(parts)
    }


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def as_json(project: Project, *, escape: bool = True) -> str:
    """``docker compose config --format json``, byte for byte: no newline at the end.

    ``escape`` doubles ``$``, so that what is printed can be loaded again; a project that was
    loaded without interpolation is printed without.
    """
    printed = dumps(document(project), indent="  ")
    return printed.replace("$", "$$") if escape else printed


def as_yaml(project: Project, *, escape: bool = True) -> str:
    """``docker compose config``: equal as YAML; loading it again gives the same project."""
    from tabib.compose import yamlshape

    printed = yaml_text(yamlshape.shape(document(project), project))
    return printed.replace("$", "$$") if escape else printed


def images_only(project: Project, *, as_json: bool) -> str:
    """``--lock-image-digests``: an override file that pins images, and nothing else."""
    services: dict[str, dict[str, Any]] = {
        name: {"image": service.spec["image"]} if service.spec.get("image") else {}
        for name, service in sorted(project.services.items())
    }
    if as_json:  # Compose's JSON shows these three whether they say anything or not
        nothing = {"command": None, "entrypoint": None}
        shown = {name: {**nothing, **service} for name, service in services.items()}
        printed = dumps({"name": "", "services": shown}, indent="  ")
    else:
        printed = yaml_text({"services": services})
    return printed.replace("$", "$$")


def yaml_text(content: Any) -> str:
    """``content`` as YAML that Compose's parser reads as the same values."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        # what Compose's YAML would read as something else is quoted, as PyYAML does for its own
        style = "|" if "\n" in value else None if plain(value) is value else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    printed: str = yaml.dump(
        content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000
    )
    return printed


def service_names(project: Project) -> list[str]:
    """``--services``: one per line, dependencies first."""
    order: list[str] = []
    pending = [(name, False) for name in sorted(project.services, reverse=True)]
    seen: set[str] = set()
    while pending:
        name, done = pending.pop()
        if done:
            order.append(name)
        elif name not in seen and name in project.services:
            seen.add(name)
            pending.append((name, True))
            wanted = [d.service for d in project.services[name].depends_on]
            pending += [(other, False) for other in sorted(wanted, reverse=True)]
    return order


def volume_names(project: Project) -> list[str]:
    """``--volumes``."""
    return sorted(project.volumes)


def network_names(project: Project) -> list[str]:
    """``--networks``."""
    return sorted(project.networks)


def image_names(project: Project) -> list[str]:
    """``--images``."""
    return [service.image for _, service in sorted(project.services.items())]


def profile_names(project: Project) -> list[str]:
    """``--profiles``: those that any service has."""
    services = [*project.services.values(), *project.disabled.values()]
    return sorted({p for service in services for p in service.spec.get("profiles", ())})


def hash_lines(project: Project, names: tuple[str, ...] = ()) -> list[str]:
    """``--hash``: what ``docker compose config --hash`` prints.

    Only for a service with ``env_file`` or ``label_file`` is it not the hash that containers
    carry (``Service.config_hash``): Compose's ``config`` hashes before it reads those files.
    """
    chosen = [project.services[name] for name in sorted(names or project.services)]
    return [f"{service.name} {service.printed_hash or service.config_hash}" for service in chosen]
