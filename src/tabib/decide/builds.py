"""Which images are to be built, in which order, by which builder, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tabib.decide import build_reach as reach
from tabib.decide import dockerfile
from tabib.decide.build_reach import Building
from tabib.decide.specs import COMPOSE_VERSION
from tabib.model import build as b
from tabib.model import container as c
from tabib.model.build import BuildSource, BuildSpec
from tabib.model.errors import BuildFailed
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project, Service

LABEL_BUILDER = "com.docker.compose.image.builder"
_SERVICE_CONTEXT = "service:"


def built(service: Service) -> bool:
    """Whether the file says how to build it."""
    return "build" in service.spec


def plan_builds(building: Building, reasons: Mapping[str, str]) -> Plan:
    """A step for each image of the services in ``reasons`` (service → why), bases first.

    :raises BuildFailed: one cannot be built here, and what is missing.
    """
    services = [building.project.services[name] for name in reasons]
    steps: dict[str, Step] = {}
    notes: list[str] = []
    for service in services:
        spec = build_spec(building, service)
        notes += _notes(building, service)
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
    return Plan(project=building.project.name, steps=_ordered(steps), notes=tuple(notes))


def step_id(image: str) -> str:
    return f"build:{image}"


def build_spec(building: Building, service: Service) -> BuildSpec:
    """What the engine is to do for ``service``.

    :raises BuildFailed: it cannot be built here, and what is missing.
    """
    source = building.sources.get(service.name)
    if source is None:
        raise reach.cannot(
            service,
            "the files that it is built from are where the command runs",
            "Build it by hand: `tabib build`, or `tabib up`.",
        )
    if source.problem:
        advice = source.advice or "Correct `build:` in the Compose file."
        raise reach.cannot(service, source.problem, advice)
    needs = _needs(building, service)
    if needs and b.BUILDX not in building.builders:
        raise reach.cannot(
            service,
            f"it needs BuildKit, for {', '.join(needs)}, and there is no `docker buildx` here",
            "Install it where the daemon runs (Debian: docker-buildx; Docker's own packages: "
            "docker-buildx-plugin), or leave that out.",
        )
    spec = _spec(building, service, source)
    reach.check_result(building, service)
    return replace(
        spec,
        builder=b.BUILDX if needs else b.ENGINE,
        instance=reach.instance(building, service),
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
        memory_bytes=choice.memory_bytes,
        ulimits={
            name: _limits(one)
            for name, one in (said.get("ulimits") or {}).items()
            if not name.startswith("#")
        },
        platforms=reach.platforms(building, service),
        isolation=str(said.get("isolation") or ""),
        no_cache=choice.no_cache or bool(said.get("no_cache")),
        pull=choice.pull or bool(said.get("pull")),
        push=choice.push and bool(reach.beyond(building, service)),
        entitlements=tuple(said.get("entitlements") or ())
        + (("security.insecure",) if said.get("privileged") else ()),
        attestations=reach.attestations(building, service),
        contexts=_contexts(building.project, said),
        secrets=source.secrets,
        ssh=source.ssh,
    )


def _needs(building: Building, service: Service) -> list[str]:
    """What only BuildKit can do for this service, in words."""
    said = service.spec["build"]
    source = building.sources.get(service.name)
    named = ("secrets", "additional_contexts", "cache_to", "entitlements", "privileged")
    found = [f"`{key}`" for key in named if said.get(key)]
    found += ["`ssh`"] if source and source.ssh else []
    attested = reach.attestations(building, service).items()
    found += [f"`{key}`" for key, value in attested if reach.wanted(value)]
    found += ["`--builder`"] if building.choice.builder else []
    if any("type=" in str(one) for one in said.get("cache_from") or ()):
        found.append("`cache_from` with a type")
    if len(reach.platforms(building, service)) > 1:
        found.append("several platforms")
    return found + (dockerfile.buildkit_needs(source.text) if source else [])


def _notes(building: Building, service: Service) -> Iterator[str]:
    needs = _needs(building, service)
    if building.choice.memory_bytes and needs:
        yield (
            f"{service.name} is built by BuildKit, for {', '.join(needs)}: that knows no limit of "
            "memory, and --memory does not hold there"
        )
    if building.choice.push and not service.spec.get("image"):
        yield f"{service.name} is not pushed: {reach.NO_REPOSITORY}"
    said = service.spec["build"]
    dropped = [key for key in reach.ATTESTATIONS if reach.wanted(str(said.get(key) or ""))]
    if building.single and not building.keeps_all and dropped:
        yield (
            f"{service.name} is built without {' and '.join(dropped)}: this engine cannot keep "
            "attestations; `tabib build --push` makes them"
        )


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


def _ordered(steps: Mapping[str, Step]) -> tuple[Step, ...]:
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
