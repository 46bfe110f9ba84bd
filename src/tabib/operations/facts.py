"""What care knows of a project apart from events: its model, and the facts of each slot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tabib.decide.containers import wanted_slots
from tabib.decide.graph import is_declared_job
from tabib.decide.halts import halted_why
from tabib.decide.images import references
from tabib.decide.rollback import former_release
from tabib.decide.specs import container_name
from tabib.decide.verdict import ProjectFacts, SlotFacts, SlotKey, checks_health, is_job
from tabib.model import container as c
from tabib.model.container import ImageState
from tabib.model.project import Project, Service
from tabib.model.release import CareRecord, Release
from tabib.operations.tools import Tools
from tabib.stores.seal import open_project


@dataclass(slots=True, kw_only=True)
class Cared:
    """One project in care, as its current release says it shall be."""

    record: CareRecord
    release: Release | None
    project: Project | None
    """None for an adopted project: then ``inspections`` say how its containers shall be."""
    inspections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Container name → sealed inspection."""
    images: Mapping[str, ImageState] = field(default_factory=dict)
    former: frozenset[str] = frozenset()
    """Services that the last good release before this one brought up."""

    def halted(self, name: str) -> str:
        """Why the container called ``name`` shall not run; ``""`` where it shall."""
        return halted_why(self.record, name)

    def containers(self) -> list[str]:
        """The names of all containers that the project shall have."""
        facts = self._from_model(()) if self.project else self._from_inspections()
        return [fact.container for fact in facts]

    def facts(self, last_running: Mapping[str, bool]) -> ProjectFacts:
        """The facts that triage judges by; ``last_running`` by container name."""
        slots: dict[SlotKey, SlotFacts] = {}
        known = self._from_model(last_running) if self.project else self._from_inspections()
        for fact in known:
            deployed = self._deployed(fact.service)
            halted = self.halted(fact.container)
            slots[(fact.service, fact.slot)] = SlotFacts(
                service=fact.service,
                slot=fact.slot,
                container=fact.container,
                restart=fact.restart,
                has_healthcheck=fact.has_healthcheck,
                job=fact.job,
                declared_job=fact.declared_job,
                mode=fact.mode,
                last_running=last_running.get(fact.container, deployed),
                halted=halted,
                halted_at=self.record.halted_at.get(fact.container) if halted else None,
            )
        networks = frozenset(
            network.name
            for network in (self.project.networks.values() if self.project else ())
            if not network.external
        )
        return ProjectFacts(project=self.record.project, slots=slots, networks=networks)

    def _deployed(self, service: str) -> bool:
        """Whether the release in care brought the service up: then it ran, seen or not."""
        release = self.release
        if release is None:
            return False
        if release.verdict == "failed":
            # What it replaced ran, and shall run.
            return service in self.former and service in release.images
        return release.verdict in ("good", "adopted") and service in release.images

    def _from_model(self, seen: Collection[str]) -> list[SlotFacts]:
        """The slots of the model; of a service's replicas, those whose containers were seen."""
        project = self.project
        if project is None:
            return []
        return [
            self._slot_of(project, service, slot)
            for service in project.services.values()
            for slot in self._slots(project, service, seen)
        ]

    def _slots(self, project: Project, service: Service, seen: Collection[str]) -> list[int]:
        replicas = self.record.scale.get(service.name, service.replicas)
        prefix = f"{project.name}-{service.name}-"
        numbers = [name.removeprefix(prefix) for name in seen if name.startswith(prefix)]
        return wanted_slots(replicas, {int(one) for one in numbers if one.isdigit()})

    def _slot_of(self, project: Project, service: Service, slot: int) -> SlotFacts:
        image = self.images.get(service.image)
        return SlotFacts(
            service=service.name,
            slot=slot,
            container=container_name(project, service, slot),
            restart=service.restart,
            has_healthcheck=checks_health(service, image),
            job=is_job(project, service, image),
            declared_job=is_declared_job(project, service),
            mode=str(service.extension.get("care") or self.record.mode),
        )

    def _from_inspections(self) -> list[SlotFacts]:
        found = []
        for name, inspection in self.inspections.items():
            config = inspection.get("Config") or {}
            labels = config.get("Labels") or {}
            policy = (inspection.get("HostConfig") or {}).get("RestartPolicy") or {}
            written = str(policy.get("Name") or "")
            number = str(labels.get(c.LABEL_NUMBER, "1"))
            test = (config.get("Healthcheck") or {}).get("Test") or []
            found.append(
                SlotFacts(
                    service=str(labels.get(c.LABEL_SERVICE, "")),
                    slot=int(number) if number.isdigit() else 1,
                    container=name,
                    # The engine shows `no` for a policy that nobody wrote as well.
                    restart=None if written in ("", "no") else written,
                    has_healthcheck=bool(test) and test[0] != "NONE",
                    mode=self.record.mode,
                )
            )
        return found


class Ward:
    """The projects in care on one engine, read from the journal and kept until they change."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._known: dict[str, Cared] = {}

    async def get(self, project: str) -> Cared | None:
        """The project as it shall be now; None where it is not in care.

        :raises StateUnusable: the journal or the vault cannot be read.
        """
        tools = self._tools
        record = await tools.journal.care(tools.info.id, project)
        if record is None:
            self._known.pop(project, None)
            return None
        known = self._known.get(project)
        if known and known.record.release == record.release:
            release = known.release
            # While an operation has the project in hand, nothing is judged yet.
            if release and release.verdict == "pending" and not tools.actions.busy(project):
                release = await self._release(record)
            known.record, known.release = record, release
            return known
        cared = await self._read(record)
        self._known[project] = cared
        return cared

    async def all(self) -> list[Cared]:
        """Every project in care on this engine."""
        records = await self._tools.journal.all_care(self._tools.info.id)
        found = [await self.get(record.project) for record in records]
        return [cared for cared in found if cared is not None]

    async def _release(self, record: CareRecord) -> Release | None:
        tools = self._tools
        for release in await tools.journal.releases(tools.info.id, record.project, 20):
            if record.release is None or release.number == record.release:
                return release
        return None

    async def _read(self, record: CareRecord) -> Cared:
        release = await self._release(record)
        if release is None:
            return Cared(record=record, release=None, project=None)
        if "adopted" in release.model:
            return Cared(
                record=record, release=release, project=None, inspections=release.model["adopted"]
            )
        project = await open_project(release.model, self._tools.vault)
        self._tools.secrets.know(project)
        releases = await self._tools.journal.releases(self._tools.info.id, record.project, 20)
        former = former_release(release, releases)
        looked = await self._tools.engine.observe(
            record.project, images=references(project.services.values()), detail=False
        )
        return Cared(
            record=record,
            release=release,
            project=project,
            images=looked.images,
            former=frozenset(former.images) if former else frozenset(),
        )
