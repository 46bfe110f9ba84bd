"""What a repository can bring back here, and what stands against it. Nothing is changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tabib.host.ports import port_holder
from tabib.model.backup import Manifest, Part
from tabib.model.codec import convert
from tabib.model.container import RUNNING, Observed
from tabib.model.errors import NotFound
from tabib.model.project import Project
from tabib.model.wire import RecoverRequest
from tabib.operations import volumes
from tabib.operations.backups import host_record, kept_images
from tabib.operations.backups.host_record import HostRecord
from tabib.operations.backups.manifest import read_manifests, read_tag
from tabib.operations.backups.recovery.case import (
    ANEW,
    DONE,
    READY,
    REFUSED,
    Case,
    Progress,
    progress_of,
)
from tabib.operations.backups.recovery.values import with_values
from tabib.operations.backups.wal import store
from tabib.operations.tools import Tools
from tabib.ports import Repository

NEWEST = 10
"""So many snapshots of a project are looked at for one that is good."""


class Planning:
    """Looks into one repository; ``hosts`` and ``images`` are what else was found in it."""

    def __init__(self, tools: Tools, repository: Repository, request: RecoverRequest) -> None:
        self._tools = tools
        self._repository = repository
        self._request = request
        self.hosts: list[HostRecord] = []
        self.images: dict[str, str] = {}

    async def cases(self) -> list[Case]:
        """Every project that is to be recovered, by name; nothing is changed.

        :raises NotFound: there is none.
        """
        self.hosts, self.images, observed, names = await asyncio.gather(
            host_record.read(self._repository),
            kept_images.stored(self._repository),
            self._tools.engine.observe(detail=False),
            self._names(),
        )
        cases = []
        for name in names:
            manifest = await self._manifest(name)
            if manifest is not None:
                cases.append(await self._case(manifest, observed))
        if not cases:
            raise NotFound(
                "it holds no good snapshot of "
                + (", ".join(self._request.projects) or "any project"),
                attempted="recover from",
                target=self._repository.name,
                advice="`tabib snapshots --repository URL --key-file FILE` lists what it holds.",
            )
        return cases

    async def _names(self) -> list[str]:
        stored = await self._repository.stored(("tabib", "manifest"))
        known = sorted({read_tag(one.tags, "project") for one in stored} - {""})
        wanted = self._request.projects
        unknown = sorted(set(wanted) - set(known))
        if unknown:
            raise NotFound(
                f"it holds no snapshot of {', '.join(unknown)}",
                attempted="recover from",
                target=self._repository.name,
                advice=f"It holds: {', '.join(known) or 'none at all'}.",
            )
        return [one for one in known if not wanted or one in wanted]

    async def _manifest(self, project: str) -> Manifest | None:
        """The newest good snapshot; the one that an earlier run began with, where there is one."""
        progress = await progress_of(self._tools, project)
        found = await read_manifests(self._repository, project, newest=NEWEST)
        drills = {one.id: one for host in self.hosts for one in host.snapshots}
        known = [
            replace(
                one,
                snapshot=replace(
                    one.snapshot,
                    verified_at=drills[one.snapshot.id].verified_at,
                    drill=drills[one.snapshot.id].drill,
                ),
            )
            if one.snapshot.id in drills
            else one
            for one in found
        ]
        if progress is not None:
            for one in known:
                if one.snapshot.id == progress.snapshot:
                    return one
        good = [
            one
            for one in known
            if one.snapshot.complete
            and not one.snapshot.damaged
            and (one.snapshot.drill is None or one.snapshot.drill.outcome == "passed")
        ]
        return max(good, key=lambda one: one.snapshot.taken_at, default=None)

    async def _case(self, manifest: Manifest, observed: Observed) -> Case:
        tools, snapshot = self._tools, manifest.snapshot
        name = snapshot.project
        progress = await progress_of(self._tools, name)
        case = Case(
            name=name,
            manifest=manifest,
            progress=progress or Progress(snapshot=snapshot.id),
            state=ANEW if progress else READY,
        )
        if progress is not None and progress.done:
            case.state = DONE
        elif progress is None:
            case.refused = await self._in_the_way(manifest, observed)
            case.state = REFUSED if case.refused else READY
        case.project = await self._project(manifest)
        if case.project is None:
            case.notes.append(
                "tabib has no Compose file of it (it was adopted): its data is brought back, and "
                "it is to be brought up from its own file"
            )
        else:
            await self._look_at_images(case)
            case.ports = self._ports(case.project, observed)
        case.missing = {
            path: why
            for path, why in manifest.unkept.items()
            if not (tools.info.local and Path(path).exists())
        }
        if not tools.info.local:
            case.missing |= {
                one.path: "it is in the repository; put it on that machine"
                for one in manifest.files
            }
        now = tools.clock.now()
        case.rpo_seconds = max(
            [(now - await self._latest(name, one)).total_seconds() for one in snapshot.parts]
            or [0.0]
        )
        return case

    async def _latest(self, project: str, part: Part) -> datetime:
        """Up to when its data can be had."""
        if part.dataset.kind != "postgres" or part.form != "tar":
            return part.taken_at
        marks = store.tags(project, part.dataset.name, f"identity={part.identity}")
        stored = await self._repository.stored(marks)
        return max([part.taken_at, *(one.at for one in stored)])

    async def _in_the_way(self, manifest: Manifest, observed: Observed) -> str:
        """Why the project must not be recovered here; ``""``: nothing is in the way."""
        name = manifest.snapshot.project
        runs = [one for one in observed.containers if one.project == name and not one.oneoff]
        if runs:
            alive = sum(one.status in RUNNING for one in runs)
            return f"it is here already: {len(runs)} containers, {alive} running"
        there = {one.name for one in observed.volumes}
        for part in manifest.snapshot.parts:
            place = part.dataset.place
            if place.type == "volume":
                held = await volumes.holding(self._tools, place.source)
                if place.source in there or (held is not None and not held.released):
                    return f"its volume {place.source} is here already"
            elif self._tools.info.local and _holds_something(Path(place.source)):
                return f"its folder {place.source} is here already, and holds something"
        return ""

    async def _project(self, manifest: Manifest) -> Project | None:
        release = manifest.release
        if release is None or "services" not in release.model:
            return None
        return convert(with_values(release.model, manifest.secrets), Project)

    async def _look_at_images(self, case: Case) -> None:
        """Where each image is to come from."""
        tools, release = self._tools, case.manifest.release
        assert case.project is not None
        wanted = {one.image for one in case.project.services.values() if one.image}
        seen = await tools.engine.observe(images=tuple(wanted), detail=False)
        identities = {one.reference: one for one in (release.images if release else {}).values()}
        for reference in sorted(wanted):
            identity = identities.get(reference)
            stored = identity is not None and identity.image_id in self.images
            if reference in seen.images:
                source = "here"
            elif stored:
                source = "repository"
            else:
                digest = identity.value if identity and identity.kind == "digest" else ""
                why = await kept_images.can_be_had(tools, reference, digest)
                source = f"missing: {why}" if why else "registry"
            case.images.append({"reference": reference, "from": source})

    def _ports(self, project: Project, observed: Observed) -> list[str]:
        """Published ports that somebody else has, with who."""
        taken = {
            (port.host_port, port.protocol): one.name
            for one in observed.containers
            if one.status in RUNNING
            for port in one.ports
            if port.host_port
        }
        found = []
        for service in project.services.values():
            for port in service.spec.get("ports") or ():
                text = str(port.get("published") or "")
                if not text.isdigit():
                    continue
                key = (int(text), str(port.get("protocol") or "tcp"))
                holder = taken.get(key, "")
                if not holder and self._tools.info.local:
                    held = port_holder(*key, str(port.get("host_ip") or ""))
                    holder = str(held) if held else ""
                if holder:
                    found.append(f"{key[0]}/{key[1]} of {service.name}: taken by {holder}")
        return found


def _holds_something(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
