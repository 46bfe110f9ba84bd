"""What a project uses of the Compose Specification, and what an engine makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tabib.model.errors import ConfigError
from tabib.model.fidelity import Fidelity, Level, Support
from tabib.model.project import Project, Service

_NAMED = frozenset({"services.networks", "services.depends_on", "services.models"})
"""Below these stand names that the user gives, not properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One property in use. ``users``: where (``service web``, ``network front``), in order."""

    property: str
    users: tuple[str, ...]
    support: Support


def used(project: Project, services: Iterable[Service], fidelity: Fidelity) -> list[Use]:
    """Each property that ``services`` use, and those of what they use, by name; one that has
    several answers (by its value) stands there with each."""
    found: dict[tuple[str, Support], list[str]] = {}
    services = list(services)
    for path, value, user in _written(project, services, fidelity):
        support = fidelity.support(path, value)
        if _without_concern(project, path, value, user):
            support = Support()
        exact = f"{path}={value}"
        shown = exact if exact in fidelity.supports else path
        users = found.setdefault((shown, support), [])
        if user not in users:
            users.append(user)
    for service in services:
        for path, support in _together(project, service, fidelity):
            found.setdefault((path, support), []).append(f"service {service.name}")
    return [
        Use(property=path, users=tuple(users), support=support)
        for (path, support), users in sorted(found.items(), key=lambda item: item[0][0])
    ]


def warnings(uses: Iterable[Use]) -> list[str]:
    """A line for each property that is accepted without the effect that it should have."""
    return [
        f"{', '.join(use.users)}: {short_name(use.property)}: {use.support.how}"
        for use in uses
        if use.support.level is Level.DEGRADED
    ]


def check(uses: Iterable[Use], engine: str) -> None:
    """Refuse what the engine cannot do, all of it at once.

    :raises ConfigError: something is refused.
    """
    refused = [use for use in uses if use.support.level is Level.REFUSED]
    if not refused:
        return
    lines = [f"{', '.join(u.users)}: {short_name(u.property)}: {u.support.how}" for u in refused]
    raise ConfigError(
        "; ".join(lines),
        attempted="run this on",
        target=f"a {engine}",
        advice="Remove it, or use an engine that can; `tabib config --fidelity` shows all.",
        details={"refused": [use.property for use in refused]},
    )


def short_name(path: str) -> str:
    """A property as a person who looks at the user of it calls it."""
    return path.partition(".")[2] or path


def _written(
    project: Project, services: list[Service], fidelity: Fidelity
) -> Iterator[tuple[str, Any, str]]:
    for service in services:
        yield from _walk("services", service.spec, f"service {service.name}", fidelity)
    networks = dict.fromkeys(key for service in services for key in service.networks)
    volumes = dict.fromkeys(key for service in services for key in service.volumes)
    for key in networks:
        yield from _walk("networks", project.networks[key].spec, f"network {key}", fidelity)
    for key in volumes:
        yield from _walk("volumes", project.volumes[key].spec, f"volume {key}", fidelity)
    for kind, objects in (("secrets", project.secrets), ("configs", project.configs)):
        for key in dict.fromkeys(r["source"] for s in services for r in s.spec.get(kind) or ()):
            if key in objects:
                user = f"{kind.removesuffix('s')} {key}"
                yield from _walk(kind, objects[key].spec, user, fidelity)


def _walk(
    path: str, value: Mapping[str, Any], user: str, fidelity: Fidelity
) -> Iterator[tuple[str, Any, str]]:
    """The properties below ``path``, as deep as the engine has answers."""
    for key, inner in value.items():
        if inner is None or inner in ("", [], {}) or str(key).startswith(("x-", "#")):
            continue
        below = f"{path}.{key}"
        yield below, inner, user
        if not fidelity.below(below):
            continue
        for part in _parts(below, inner):
            if isinstance(part, Mapping):
                yield from _walk(below, part, user, fidelity)


def _parts(path: str, value: Any) -> Iterable[Any]:
    if path in _NAMED and isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else (value,)


def _without_concern(project: Project, path: str, value: Any, user: str) -> bool:
    """Owner and mode of a secret or config are honoured where tabib puts its content in."""
    head, _, last = path.rpartition(".")
    if head not in ("services.secrets", "services.configs") or last not in ("uid", "gid", "mode"):
        return False
    kind = head.removeprefix("services.")
    objects = project.secrets if kind == "secrets" else project.configs
    service = project.services[user.removeprefix("service ")]
    owned = [r for r in service.spec.get(kind) or () if r.get(last) == value]
    return all(objects[r["source"]].content is not None for r in owned)


def _together(
    project: Project, service: Service, fidelity: Fidelity
) -> Iterator[tuple[str, Support]]:
    """What is refused only together with something else in the same service."""
    if fidelity.engine != "docker":
        return
    if service.spec.get("read_only"):
        for kind, objects in (("secrets", project.secrets), ("configs", project.configs)):
            held = [r["source"] for r in service.spec.get(kind) or ()]
            if any(objects[key].content is not None for key in held if key in objects):
                yield f"services.{kind}", _READ_ONLY
    options = [one or {} for one in (service.spec.get("networks") or {}).values()]
    if sum(bool(one.get("mac_address")) for one in options) > 1:
        support = _TWO_ADDRESSES.on(fidelity.api)
        if support.level is not Level.HONOURED:
            yield "services.networks.mac_address", support


_READ_ONLY = Support(
    level=Level.REFUSED,
    how="content cannot be put into a container that is `read_only`; one from a `file` can",
)
_TWO_ADDRESSES = Support(
    level=Level.REFUSED, how="on several networks it needs Docker Engine 25", since=(1, 44)
)
