"""Projects and edits of projects for property tests. Service names fix the order of dependency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from support.plans import OTHER_IMAGE, VOLUME_IMAGE
from support.projects import COMPLETED, HEALTHY, IMAGE, STARTED, network, project, service, volume
from tabib.model.project import Dependency, Project, Service

NAMES = ("db", "job", "api", "web", "log")
PORTS = (8001, 8002, 8003)


class Shown(Project):
    """A project whose representation fits on a few lines: what a failing property prints."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = [f"{one.name}: {_short(one)}" for one in self.services.values()]
        kept = {one.name: dict(one.spec).get("labels") for one in self.networks.values()}
        return (
            "Project(" + "; ".join([*lines, f"networks {kept}", f"volumes {[*self.volumes]}"]) + ")"
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def _short(one: Service) -> str:
    edges = [f"{edge.service}:{edge.condition.removeprefix('service_')}" for edge in one.depends_on]
    spec = {key: value for key, value in one.spec.items() if key not in ("networks", "healthcheck")}
    mounts = [f"{v.get('source', '')}:{v['target']}" for v in spec.pop("volumes", ())]
    ports = [v["published"] for v in spec.pop("ports", ())]
    return f"x{one.replicas} {spec} on {one.networks} {mounts=} {ports=} after {edges}"


@st.composite
def projects(draw: st.DrawFn, names: tuple[str, ...] = NAMES) -> Project:
    """One to five services with all that ties containers together."""
    chosen = [name for name in names if draw(st.booleans())] or [names[0]]
    made: dict[str, Service] = {}
    for name in chosen:
        made[name] = draw(_services(name, made))
    return _whole(draw, made)


@st.composite
def edits(draw: st.DrawFn, before: Project) -> Project:
    """``before`` as a person may have edited it: each service kept, changed, dropped or new."""
    other = draw(projects())
    made: dict[str, Service] = {}
    for name in NAMES:
        choices = [one.services[name] for one in (before, other) if name in one.services]
        picked = draw(st.sampled_from([*choices, *choices, None])) if choices else None
        if picked is not None:
            made[name] = picked
    if not made:
        made = dict(before.services)
    return _whole(draw, made)


@st.composite
def _services(draw: st.DrawFn, name: str, earlier: Mapping[str, Service]) -> Service:
    edges = [
        Dependency(service=other, condition=_condition(draw, other), restart=draw(st.booleans()))
        for other in earlier
        if draw(st.integers(0, 2)) == 0
    ]
    own_name = draw(st.booleans()) and draw(st.booleans())
    ports = [draw(st.sampled_from(PORTS))] if draw(st.booleans()) else []
    single = own_name or bool(ports)
    spec: dict[str, Any] = {"environment": {"V": str(draw(st.integers(0, 1)))}}
    hosts = [one.name for one in earlier.values() if _may_share(one)]
    mode = draw(st.sampled_from(["", "", "", "none", *(f"service:{one}" for one in hosts)]))
    if mode:
        spec["network_mode"] = mode
        ports = []
    return service(
        name,
        depends_on=edges,
        image=draw(st.sampled_from([IMAGE, IMAGE, OTHER_IMAGE, VOLUME_IMAGE])),
        networks=draw(st.sampled_from([("default",), ("back",), ("back", "default")])),
        volumes=draw(st.sampled_from([{}, {"/data": "data"}, {"/data": "more"}])),
        anonymous=draw(st.sampled_from([(), ("/anon",)])),
        ports=ports,
        check=draw(st.booleans()),
        replicas=1 if single else draw(st.integers(1, 3)),
        container_name=f"own-{name}" if own_name else "",
        **spec,
    )


def _condition(draw: st.DrawFn, other: str) -> str:
    return COMPLETED if other == "job" else draw(st.sampled_from([STARTED, HEALTHY]))


def _may_share(one: Service) -> bool:
    return not one.spec.get("network_mode") and one.name != "job"


def _whole(draw: st.DrawFn, made: dict[str, Service]) -> Project:
    """The project of these services, what does not fit together taken out."""
    taken: set[str] = set()
    fitting = []
    for one in made.values():
        mode = str(one.spec.get("network_mode") or "")
        if mode.startswith("service:") and mode.removeprefix("service:") not in made:
            one = service(one.name, image=str(one.spec["image"]))
        published = {entry["published"] for entry in one.spec.get("ports") or ()}
        if published & taken:
            spec = {key: value for key, value in one.spec.items() if key != "ports"}
            one = replace(one, spec=spec, config_hash=f"{one.config_hash[:-2]}np")
        taken |= published
        edges = tuple(edge for edge in one.depends_on if edge.service in made)
        fitting.append(replace(one, depends_on=edges, extension=_job(one.name)))
    whole = project(*fitting)
    labels = {"v": str(draw(st.integers(0, 1)))}
    shown = Shown(**{name: getattr(whole, name) for name in Project.__dataclass_fields__})
    return replace(
        shown,
        networks={key: network(key, labels=labels) for key in whole.networks},
        volumes={key: volume(key, labels=labels) for key in whole.volumes},
    )


def _job(name: str) -> dict[str, bool]:
    return {"job": True} if name == "job" else {}
