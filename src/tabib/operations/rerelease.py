"""A release made by care, or to undo what care did: the model of an earlier one, or the present one
with one thing changed. Under the project's lease; in the journal before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tabib.compose.hashes import service_hash
from tabib.decide import images as image_decisions
from tabib.decide import overrides
from tabib.decide import releases as release_decisions
from tabib.decide.desired import Desired, Options
from tabib.decide.overrides import Raise
from tabib.decide.reconcile import reconcile
from tabib.decide.rollback import Version, differing, former_release
from tabib.decide.treat import Action, Decision
from tabib.model.container import Observed
from tabib.model.errors import ImageUnavailable, UsageError
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project
from tabib.model.release import ImageIdentity, Release
from tabib.operations import images, volumes
from tabib.operations.backups.before import before_release
from tabib.operations.care_record import change
from tabib.operations.execute import Execution, execute
from tabib.operations.facts import Cared
from tabib.operations.journalled import journalled
from tabib.operations.operation import Operation
from tabib.operations.record import kept_mounts
from tabib.operations.tools import Tools
from tabib.stores.seal import open_project, seal_project

LOOKED_BACK = 20
"""So many releases are read: each holds a whole model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerelease:
    """A release that is drawn up, and the plan that brings it about."""

    release: Release
    replaces: Release
    plan: Plan
    services: tuple[str, ...]
    mode: str
    """Of care, as it is and stays."""
    project: Project
    observed: Observed
    """What the plan was made for, and on what."""

    def asked(self) -> dict[str, Any]:
        """What completes it after a death of the daemon: an ``up`` of what it changes."""
        return {
            "verb": "up",
            "by": self.release.by,
            "release": self.release.number,
            "services": self.services,
            "options": {"no_deps": True, "care": self.mode},
        }

    async def begin(self, tools: Tools) -> None:
        """Write it down: from now on it is what the project shall be."""
        await tools.journal.put_release(self.release)
        number = self.release.number
        await change(tools, self.release.project, lambda one: replace(one, release=number))

    async def carry_out(self, tools: Tools, operation: Operation) -> Execution:
        """Copy the data that it could cost, write it down, apply its plan, and write its verdict.

        :raises Refused: that data could not be copied, and the policy requires it.
        """
        project = self.release.project
        await before_release(tools, self.project, self.plan, self.observed, operation)
        async with journalled(tools, project, operation, self.asked(), changes=True):
            await self.begin(tools)
            execution = await execute(tools, self.plan, operation)
            optional = {step.id for step in self.plan.steps if step.optional}
            failed = any(one.step_id not in optional for one in execution.failures())
            await self.judge(tools, good=not failed)
        return execution

    async def judge(self, tools: Tools, *, good: bool) -> None:
        """Write its verdict."""
        verdict = "good" if good else "failed"
        await tools.journal.put_release(replace(self.release, verdict=verdict))

    async def condemn_former(self, tools: Tools) -> None:
        """The release that this one goes back from did not work: nothing goes back to it."""
        await tools.journal.put_release(replace(self.replaces, verdict="failed"))


async def version(tools: Tools, cared: Cared, number: int | None = None) -> Version | None:
    """A release with its project, opened; ``number`` None: the last good one before the one in
    care. None where there is none, or none with a model."""
    current = cared.release
    releases = await tools.journal.releases(tools.info.id, cared.record.project, LOOKED_BACK)
    if number is None:
        found = former_release(current, releases) if current else None
    else:
        found = next((one for one in releases if one.number == number), None)
    if found is None or "services" not in found.model:
        return None
    return Version(release=found, project=await open_project(found.model, tools.vault))


async def back_to(tools: Tools, cared: Cared, number: int, reason: str, by: str) -> Rerelease:
    """Draw up the release ``number`` anew, as it was: model and images.

    :raises UsageError: there is no such release.
    :raises ImageUnavailable: an image that it ran is not there any more.
    """
    wanted = await version(tools, cared, number)
    if wanted is None or cared.release is None or cared.project is None:
        raise UsageError(
            f"there is no release {number} to go back to",
            attempted="go back",
            target=cared.record.project,
            advice="`tabib releases` lists them.",
        )
    present = Version(release=cared.release, project=cared.project)
    services = differing(wanted, present)
    retag = await _retag(tools, wanted, services)
    return await _draw(
        tools, cared, wanted.project, services, reason, by, wanted.release.images, retag
    )


async def overridden(
    tools: Tools, cared: Cared, service: str, decision: Decision, more: Raise | None, by: str
) -> Rerelease:
    """Draw up the present release with one service changed as ``decision`` says.

    :raises UsageError: tabib has no model of it (an adopted project).
    """
    if cared.project is None or cared.release is None or service not in cared.project.services:
        raise UsageError(
            "tabib has no Compose file of it, only what was found running",
            attempted=decision.action.value,
            target=f"{cared.record.project}/{service}",
            advice="Bring it up with `tabib up`, or change it by hand.",
        )
    old = cared.project.services[service]
    if decision.action is Action.RAISE_LIMIT and more is not None:
        spec = overrides.with_limit(old.spec, more.limit, more.after)
    elif decision.action is Action.ADD_INIT:
        spec = overrides.with_init(old.spec)
    else:
        spec = overrides.with_rotation(old.spec)
    new = replace(old, spec=spec, config_hash=service_hash(spec), printed_hash="")
    project = replace(cared.project, services={**cared.project.services, service: new})
    reason = f"{decision.action.value} of {service}: {decision.reason}"
    return await _draw(tools, cared, project, (service,), reason, by, cared.release.images, ())


async def _draw(
    tools: Tools,
    cared: Cared,
    project: Project,
    services: tuple[str, ...],
    reason: str,
    by: str,
    identities: Mapping[str, ImageIdentity],
    retag: tuple[Step, ...],
) -> Rerelease:
    current = cared.release
    if current is None:
        raise UsageError("it has no release", attempted="go back", target=project.name)
    wanted = [project.services[name] for name in services]
    kept = tuple(image_decisions.keep_tag(step.target) for step in retag)
    references = (*image_decisions.references(wanted), *kept)
    observed = await tools.engine.observe(images=references, detail=False)
    observed = _as_retagged(observed, retag)
    earlier = await tools.journal.releases(tools.info.id, project.name, LOOKED_BACK)
    places = await volumes.places(tools, project, observed)
    desired = Desired(
        project=project,
        release=release_decisions.next_number(earlier),
        installation=tools.installation,
        services=services,
        scale=cared.record.scale,
        options=Options(no_deps=True, wait=False),
        places=places,
        kept_mounts=await kept_mounts(tools, project),
        halted=frozenset(cared.record.halted),
    )
    plan = (
        reconcile(desired, observed, tools.clock.now()) if services else Plan(project=project.name)
    )
    await volumes.hold(tools, places)
    fresh = release_decisions.new_release(
        project,
        await seal_project(project, tools.vault),
        dict(identities),
        earlier,
        engine_id=tools.info.id,
        cluster=tools.cluster,
        by=by,
        reason=reason,
        scale=cared.record.scale,
        now=tools.clock.now(),
    )
    ids = tuple(step.id for step in retag)
    steps = tuple(replace(step, after=(*step.after, *ids)) for step in plan.steps)
    plan = replace(plan, steps=(*retag, *steps))
    return Rerelease(
        release=fresh,
        replaces=current,
        plan=plan,
        services=services,
        mode=cared.record.mode,
        project=project,
        observed=observed,
    )


async def _retag(tools: Tools, wanted: Version, services: tuple[str, ...]) -> tuple[Step, ...]:
    """Steps that give the images of that release their names again, where a name has moved on."""
    steps = {}
    tags = [
        image_decisions.keep_tag(one.image_id)
        for one in wanted.release.images.values()
        if one.image_id
    ]
    looked = await images.look(tools, [wanted.project.services[name] for name in services])
    kept = await tools.engine.observe(images=tuple(tags), detail=False)
    for name in services:
        identity = wanted.release.images.get(name)
        reference = wanted.project.services[name].image
        there = looked.images.get(reference)
        if identity is None or not identity.image_id:
            continue
        if there is not None and there.id == identity.image_id:
            continue
        if image_decisions.keep_tag(identity.image_id) not in kept.images:
            raise ImageUnavailable(
                f"the image that it ran ({identity.image_id[:19]}) is not there any more",
                attempted="go back to",
                target=f"release {wanted.release.number} of {name}",
                advice=f"Pull or build {reference} as it was, then try again.",
                details={"code": "image.not-found", "image": reference},
            )
        repository, tag = _split(reference)
        steps[reference] = Step(
            id=f"retag:{reference}",
            verb=Verb.TAG_IMAGE,
            subject=f"image {reference}",
            reason="its name has moved on to another image since that release",
            target=identity.image_id,
            options={"repository": repository, "tag": tag},
        )
    return tuple(steps.values())


def _split(reference: str) -> tuple[str, str]:
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "latest")


def _as_retagged(observed: Observed, retag: tuple[Step, ...]) -> Observed:
    """What will be observed once ``retag`` is done: planned with, not waited for."""
    if not retag:
        return observed
    found = dict(observed.images)
    for step in retag:
        reference = step.subject.removeprefix("image ")
        known = next((one for one in found.values() if one.id == step.target), None)
        if known is not None:
            found[reference] = known
    return replace(observed, images=found)
