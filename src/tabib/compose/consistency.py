"""Stage 9, consistency: what no single value shows: references, exclusions, cycles.

Source of the rules: compose-go ``loader/validate.go`` and ``graph``; the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.compose.problems import Problems, nearest
from tabib.compose.tree import Map, Path, mark_at

Spec = dict[str, Any]
_MAX_REPORTED_CYCLES = 5


class Consistency:
    """Judges the active services of a project."""

    def __init__(
        self,
        tree: Map,
        active: Mapping[str, Spec],
        disabled: Mapping[str, Spec],
        problems: Problems,
    ) -> None:
        self.tree = tree
        self.active = active
        self.disabled = disabled
        self.problems = problems

    def run(self) -> None:
        for name, spec in self.active.items():
            at = ("services", name)
            for check in (
                self._source, self._build, self._references, self._depends_on, self._scale,
                self._limits, self._health, self._watch, self._targets,
            ):  # fmt: skip
                check(spec, at)
        self._secrets()
        self._container_names()
        self._cycles()

    def add(self, path: Path, message: str, suggestion: str = "") -> None:
        self.problems.add(message, mark=mark_at(self.tree, path), path=path, suggestion=suggestion)

    def _source(self, spec: Spec, at: Path) -> None:
        if not spec.get("image") and "build" not in spec and "provider" not in spec:
            self.add(
                at, "has neither an 'image' nor a 'build'", "name an image, or a build context"
            )

    def _build(self, spec: Spec, at: Path) -> None:
        build = spec.get("build")
        if build is None:
            return
        at = (*at, "build")
        if build.get("dockerfile") and build.get("dockerfile_inline"):
            self.add((*at, "dockerfile_inline"), "'dockerfile' is given too: only one may be")
        for key, context in build.get("additional_contexts", {}).items():
            if context.startswith("service:"):
                self._build_context(
                    context.removeprefix("service:"), (*at, "additional_contexts", key)
                )
        platforms, platform = build.get("platforms"), spec.get("platform")
        if platforms and platform and platform not in platforms:
            self.add((*at, "platforms"), f"must contain the service's platform '{platform}'")

    def _build_context(self, target: str, path: Path) -> None:
        if target not in self.active:
            self.add(path, f"there is no service '{target}'", nearest(target, self.active))
        elif "build" not in self.active[target]:
            self.add(path, f"the service '{target}' is not built")

    def _references(self, spec: Spec, at: Path) -> None:
        networks = spec.get("networks") or {}
        if spec.get("network_mode") and networks:
            self.add((*at, "network_mode"), "'networks' is given too: only one of the two may be")
        for network in networks:
            self._defined("networks", network, (*at, "networks", network))
        for index, mount in enumerate(spec.get("volumes", ())):
            if mount.get("type") == "volume" and mount.get("source"):
                self._defined("volumes", mount["source"], (*at, "volumes", index))
        for section in ("secrets", "configs"):
            for index, reference in enumerate(spec.get(section, ())):
                self._defined(section, reference.get("source", ""), (*at, section, index))
        for index, secret in enumerate((spec.get("build") or {}).get("secrets", ())):
            self._defined("secrets", secret.get("source", ""), (*at, "build", "secrets", index))
        for model in spec.get("models") or {}:
            self._defined("models", model, (*at, "models", model))

    def _defined(self, section: str, name: str, path: Path) -> None:
        members = self.tree.get(section) or {}
        if name not in members:
            hint = nearest(name, members) or f"define it under '{section}:' at the top level"
            self.add(path, f"there is no {section[:-1]} '{name}' in this project", hint)

    def _depends_on(self, spec: Spec, at: Path) -> None:
        for name, dependency in (spec.get("depends_on") or {}).items():
            path = (*at, "depends_on", name)
            if name in self.active or (name in self.disabled and not dependency["required"]):
                continue
            if name in self.disabled:
                profiles = ", ".join(self.disabled[name].get("profiles", ()))
                self.add(
                    path, f"the service '{name}' is disabled", f"it has the profiles: {profiles}"
                )
            else:
                known = [*self.active, *self.disabled]
                self.add(path, f"there is no service '{name}'", nearest(name, known))

    def _scale(self, spec: Spec, at: Path) -> None:
        deploy = spec.get("deploy") or {}
        scale, replicas = spec.get("scale"), deploy.get("replicas")
        if scale is not None and replicas is not None and scale != replicas:
            self.add((*at, "scale"), f"differs from deploy.replicas ({replicas})")
        for count, path in ((scale, (*at, "scale")), (replicas, (*at, "deploy", "replicas"))):
            if count is not None and count < 0:
                self.add(path, "must not be negative")
        wanted = scale if scale is not None else replicas
        if wanted is not None and wanted > 1 and spec.get("container_name"):
            self.add(
                (*at, "container_name"),
                f"{wanted} containers cannot share one name",
                "drop container_name, or run one container",
            )

    def _limits(self, spec: Spec, at: Path) -> None:
        resources = (spec.get("deploy") or {}).get("resources") or {}
        for key, section, inner, nothing in (
            ("cpus", "limits", "cpus", 0),
            ("mem_limit", "limits", "memory", ""),
            ("mem_reservation", "reservations", "memory", ""),
            ("pids_limit", "limits", "pids", 0),
        ):
            if spec.get(key) and section in resources:
                other = resources[section].get(inner, nothing)
                if other != spec[key]:
                    self.add((*at, key), f"differs from deploy.resources.{section}.{inner}")

    def _health(self, spec: Spec, at: Path) -> None:
        test = (spec.get("healthcheck") or {}).get("test")
        if test and test[0] not in ("CMD", "CMD-SHELL", "NONE"):
            path = (*at, "healthcheck", "test")
            self.add(path, "a list must start with CMD, CMD-SHELL or NONE", "add CMD in front")

    def _watch(self, spec: Spec, at: Path) -> None:
        for index, trigger in enumerate((spec.get("develop") or {}).get("watch", ())):
            if not trigger.get("target") and trigger.get("action") not in ("rebuild", "restart"):
                self.add((*at, "develop", "watch", index), "needs a 'target' for its action")

    def _targets(self, spec: Spec, at: Path) -> None:
        taken: set[str] = set()
        entries = [(("tmpfs", i), t.split(":")[0]) for i, t in enumerate(spec.get("tmpfs", ()))]
        entries += [
            (("volumes", i), mount.get("target", ""))
            for i, mount in enumerate(spec.get("volumes", ()))
        ]
        for where, target in entries:
            if target in taken:
                self.add((*at, *where), f"something is mounted at {target} already")
            taken.add(target)

    def _secrets(self) -> None:
        """All of them, used or not; ``driver`` alone is no source, unlike for configs."""
        for name, secret in (self.tree.get("secrets") or {}).items():
            given = secret or {}
            if not any(given.get(key) for key in ("external", "file", "environment")):
                self.add(("secrets", name), "one of file, environment must be given")

    def _container_names(self) -> None:
        taken: dict[str, str] = {}
        for name, spec in self.active.items():
            container = spec.get("container_name")
            if container and container in taken:
                path = ("services", name, "container_name")
                self.add(path, f"the service '{taken[container]}' has the name '{container}' too")
            elif container:
                taken[container] = name

    def _cycles(self) -> None:
        edges = {
            name: sorted(d for d in spec.get("depends_on") or {} if d in self.active)
            for name, spec in self.active.items()
        }
        for cycle in cycles(edges)[:_MAX_REPORTED_CYCLES]:
            path = ("services", cycle[0], "depends_on", cycle[1])
            self.add(
                path,
                f"services wait for each other: {' → '.join(cycle)}",
                "take one of these 'depends_on' away, so that one of them can start first",
            )


def cycles(edges: Mapping[str, list[str]]) -> list[list[str]]:
    """Cycles of a graph, at least one where there is any; each starts and ends with one node."""
    found: list[list[str]] = []
    done: set[str] = set()
    for root in sorted(edges):
        trail: list[str] = []
        pending: list[tuple[str, bool]] = [(root, False)]
        while pending:
            node, leaving = pending.pop()
            if leaving:
                done.add(trail.pop())
            elif node in trail:
                found.append([*trail[trail.index(node) :], node])
            elif node not in done:
                trail.append(node)
                pending.append((node, True))
                pending += [(following, False) for following in reversed(edges.get(node, []))]
    return found
