"""Which images are to be built, in which order, by which builder, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tabib.decide import dockerfile
from tabib.decide.specs import COMPOSE_VERSION
from tabib.model import build as b
from tabib.model import container as c
from tabib.model.build import BuildChoice, BuildSource, BuildSpec
from tabib.model.errors import BuildFailed
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project, Service

LABEL_BUILDER = "com.docker.compose.image.builder"
_SERVICE_CONTEXT = "service:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """What a plan of builds is made from. ``builders``: those that the engine offers;
    ``platform``: the engine's own; ``single``: only one platform can be made, for it is to run."""

    project: Project
    sources: Mapping[str, BuildSource]
    builders: frozenset[str] = frozenset({b.ENGINE})
    choice: BuildChoice = field(default_factory=BuildChoice)
    platform: str = ""
    single: bool = True


def built(service: Service) -> bool:
    """Whether the file says how to build it."""
    return "build" in service.spec


def plan_builds(building: Building, reasons: Mapping[str, str]) -> Plan:
    """A step for each image of the services in ``reasons`` (service → why), bases first.

    :raises BuildFailed: one cannot be built here, and what is missing.
    """
    services = [building.project.services[name] for name in reasons]
    steps: dict[str, Step] = {}
    for service in services:
        spec = build_spec(building, service)
        steps.setdefault(
            service.image,
            Step(
                id=step_id(service.image),
                verb=Verb.BUILD_IMAGE,
                subject=f"image {service.image}",
                reason=reasons[service.name] + _by(spec, _needs(building, service)),
                target=service.image,
                service=service.name,
                build=spec,
            ),
        )
    return Plan(project=building.project.name, steps=_ordered(building.project, steps))


def step_id(image: str) -> str:
    return f"build:{image}"


def build_spec(building: Building, service: Service) -> BuildSpec:
    """What the engine is to do for ``service``.

    :raises BuildFailed: it cannot be built here, and what is missing.
    """
    source = building.sources.get(service.name)
    if source is None:
        raise _cannot(
            service,
            "the files that it is built from are where the command runs",
            "Build it by hand: `tabib build`, or `tabib up`.",
        )
    if source.problem:
        raise _cannot(service, source.problem, "Correct `build:` in the Compose file.")
    needs = _needs(building, service)
    if needs and b.BUILDX not in building.builders:
        raise _cannot(
            service,
            f"it needs BuildKit, for {', '.join(needs)}, and there is no `docker buildx` here",
            "Install it where the daemon runs (Debian: docker-buildx; Docker's own packages: "
            "docker-buildx-plugin), or leave that out.",
        )
    spec = _spec(building, service, source)
    return replace(
        spec,
        builder=b.BUILDX if needs else b.ENGINE,
        labels={**spec.labels, **_labels(building.project, service, bool(needs))},
    )


def _spec(building: Building, service: Service, source: BuildSource) -> BuildSpec:
    said, choice = service.spec["build"], building.choice
    return BuildSpec(
        tags=tuple(dict.fromkeys((service.image, *(said.get("tags") or ())))),
        dockerfile=source.dockerfile,
        text=source.text,
        remote=source.remote,
        args={**_texts(said.get("args")), **choice.args},
        labels=_texts(said.get("labels")),
        target=str(said.get("target") or ""),
        cache_from=tuple(said.get("cache_from") or ()),
        cache_to=tuple(said.get("cache_to") or ()),
        network=str(said.get("network") or ""),
        extra_hosts=tuple(str(one).replace("=", ":", 1) for one in said.get("extra_hosts") or ()),
        shm_size_bytes=int(said.get("shm_size") or 0),
        ulimits={name: _limits(one) for name, one in (said.get("ulimits") or {}).items()},
        platforms=_platforms(building, service),
        isolation=str(said.get("isolation") or ""),
        no_cache=choice.no_cache or bool(said.get("no_cache")),
        pull=choice.pull or bool(said.get("pull")),
        push=choice.push and len(_platforms(building, service)) > 1,
        entitlements=tuple(said.get("entitlements") or ())
        + (("security.insecure",) if said.get("privileged") else ()),
        attestations={key: str(said[key]) for key in ("provenance", "sbom") if said.get(key)},
        contexts=_contexts(building.project, said),
        secrets=source.secrets,
        ssh=source.ssh,
    )


def _needs(building: Building, service: Service) -> list[str]:
    """What only BuildKit can do for this service, in words."""
    said = service.spec["build"]
    source = building.sources.get(service.name)
    named = ("secrets", "ssh", "additional_contexts", "cache_to", "entitlements", "privileged")
    found = [f"`{key}`" for key in (*named, "provenance", "sbom") if said.get(key)]
    if any("type=" in str(one) for one in said.get("cache_from") or ()):
        found.append("`cache_from` with a type")
    if len(_platforms(building, service)) > 1:
        found.append("several platforms")
    return found + (dockerfile.buildkit_needs(source.text) if source else [])


def _platforms(building: Building, service: Service) -> tuple[str, ...]:
    """An image that is to run here is made for one platform: the service's, else the engine's."""
    wanted = tuple(service.spec["build"].get("platforms") or ())
    own = str(service.spec.get("platform") or "")
    if not wanted:
        return (own,) if own else ()
    if building.single and len(wanted) > 1:
        fitting = [one for one in (own, building.platform) if one in wanted]
        return ((*fitting, *wanted)[0],)
    return wanted


def _labels(project: Project, service: Service, buildkit: bool) -> dict[str, str]:
    """The labels that Compose gives to an image, which differ by builder."""
    if not buildkit:
        return {LABEL_BUILDER: "classic"}
    return {
        c.LABEL_PROJECT: project.name,
        c.LABEL_SERVICE: service.name,
        c.LABEL_VERSION: COMPOSE_VERSION,
    }


def _contexts(project: Project, said: Mapping[str, Any]) -> dict[str, str]:
    """Additional contexts; another service's is its image."""
    found = {}
    for name, value in (said.get("additional_contexts") or {}).items():
        text = str(value)
        other = project.services.get(text.removeprefix(_SERVICE_CONTEXT))
        if text.startswith(_SERVICE_CONTEXT) and other:
            text = f"docker-image://{other.image}"
        found[str(name)] = text
    return found


def _ordered(project: Project, steps: Mapping[str, Step]) -> tuple[Step, ...]:
    """The steps, each after those whose images it builds on.

    :raises BuildFailed: they build on one another.
    """
    before = {image: _bases(step, steps) - {image} for image, step in steps.items()}
    done: dict[str, Step] = {}
    while len(done) < len(steps):
        ready = [one for one in steps if one not in done and before[one] <= done.keys()]
        if not ready:
            circle = sorted(set(steps) - set(done))
            raise BuildFailed(
                "these images build on one another",
                attempted="build",
                target=", ".join(circle),
                advice="Let one of them begin with an image that is there.",
            )
        for image in ready:
            after = tuple(step_id(base) for base in sorted(before[image]))
            done[image] = replace(steps[image], after=after)
    return tuple(done.values())


def _bases(step: Step, steps: Mapping[str, Step]) -> set[str]:
    spec = step.build
    if spec is None:
        return set()
    named = dockerfile.images(spec.text)
    named |= {one.removeprefix("docker-image://") for one in spec.contexts.values()}
    full = {_full(one) for one in named}
    return {image for image in steps if _full(image) in full}


def _full(reference: str) -> str:
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(k): str(v) for k, v in (values or {}).items() if v is not None}


def _limits(value: Any) -> tuple[int, int]:
    if isinstance(value, Mapping):
        return int(value.get("soft", 0)), int(value.get("hard", 0))
    return int(value), int(value)


def _by(spec: BuildSpec, needs: Iterable[str]) -> str:
    return f"; with BuildKit, for {', '.join(needs)}" if spec.builder == b.BUILDX else ""


def _cannot(service: Service, happened: str, advice: str) -> BuildFailed:
    return BuildFailed(
        happened,
        attempted="build",
        target=f"service {service.name}",
        advice=advice,
        details={"image": service.image, "service": service.name},
    )
