"""What a person asks of an incident: do what is offered, take back what was done, close it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tabib.decide.backups.witness import DATA_CODES
from tabib.decide.halts import halted_why
from tabib.decide.moments import noted
from tabib.decide.overrides import raisable
from tabib.decide.report import close_by_hand
from tabib.decide.rollback import UNDONE
from tabib.decide.treat import NEW_RELEASE, Action, Decision, verified_by
from tabib.decide.verdict import TROUBLE, Kind, SlotFacts, Verdict
from tabib.model.errors import NotHealthy, Refused, UsageError
from tabib.model.incident import Case, Incident, Treatment
from tabib.model.plan import Plan, Step, Verb
from tabib.model.wire import ActionRequest
from tabib.operations import views
from tabib.operations.act import act
from tabib.operations.backups import identities
from tabib.operations.execute import execute
from tabib.operations.facts import Cared
from tabib.operations.guard import owning
from tabib.operations.incidents import change
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.rerelease import back_to
from tabib.operations.site import Site
from tabib.operations.tools import Tools
from tabib.operations.treatment_data import put_back

_KINDS = {
    "died": Kind.FAILED,
    "start_failed": Kind.FAILED,
    "missing": Kind.DRIFT_REMOVED,
    "data": Kind.DATA,
    **{trigger: kind for kind, trigger in TROUBLE.items() if trigger not in ("died", "missing")},
}


async def find(tools: Tools, wanted: str, attempted: str) -> Incident:
    """The incident with this id, or the only one whose id begins so.

    :raises UsageError: there is none, or several.
    """
    incident = await tools.journal.incident(wanted)
    if incident is None or incident.engine_id != tools.info.id:
        raise UsageError(
            "there is no such incident",
            attempted=attempted,
            target=wanted,
            advice="`tabib incidents --all` lists them.",
        )
    return incident


# ── treat ──────────────────────────────────────────────────────────────────────────────────────


async def treat_offered(
    site: Site, wanted: str, by: str, operation: Operation
) -> Mapping[str, Any]:
    """Do what the incident offers, and see whether it helped.

    :raises Refused: nothing is offered, it is over, or its service shall not run.
    :raises NotHealthy: it was done, and did not help.
    """
    tools = site.tools
    incident = await find(tools, wanted, "treat incident")
    offered = _offered(incident)
    async with owning(tools, "treat", f"incident {incident.id}"):
        cared, case = await _known(site, incident)
        restores = offered.action == Action.RESTORE
        slot = await _slot(site, cared, case, halted_too=restores)
        decision = Decision(
            action=Action(offered.action),
            reason=f"asked for by a person: {offered.reason}",
            service=offered.before.get("service", ""),
            datasets=tuple(one for one in offered.before.get("datasets", "").split(",") if one),
            snapshot=offered.before.get("snapshot", ""),
            not_before=tools.clock.now(),
            verify="stopped",
            verify_timeout_s=60.0,
        )
        if decision.action is not Action.QUARANTINE:
            decision = verified_by(decision, slot)
        verdict = Verdict(
            kind=_KINDS.get(case.trigger, Kind.FAILED),
            reason="a person asked for its treatment",
            container_id=case.container_id,
            container=case.container,
            service=case.service,
            slot=case.slot,
            trigger=case.trigger,
        )
        service = cared.project.services.get(case.service) if cared.project else None
        more = raisable(incident.cause.code, service.spec, service.extension) if service else None
        after = await site.care.patients.by_hand(
            cared, verdict, incident, decision, slot, more=more, by=by or "user",
            operation=operation,
        )  # fmt: skip
    done = after.treatments[-1] if after.treatments else offered
    if done.outcome not in ("verified", "done") and after.outcome != "recovered":
        raise NotHealthy(
            f"{done.action} was done and did not help"
            if done.outcome == "not_verified"
            else f"{done.action} failed: {done.reason}",
            attempted="treat incident",
            target=after.id,
            advice=after.advice or f"See `tabib incident {after.id}`.",
        )
    return {"incident": views.incident_row(after)}


def _offered(incident: Incident) -> Treatment:
    if incident.closed_at is not None:
        raise Refused(
            f"it is over ({incident.outcome})",
            attempted="treat incident",
            target=incident.id,
            advice="Nothing is to be treated any more.",
        )
    last = incident.treatments[-1] if incident.treatments else None
    if last is not None and last.outcome == "offered":
        return last
    if last is not None and last.outcome == "started":
        raise Refused(
            f"it is being treated now ({last.action})",
            attempted="treat incident",
            target=incident.id,
            advice=f"Wait for it to end: `tabib incident {incident.id}`.",
        )
    if last is not None and last.action == "quarantine":
        raise Refused(
            "nothing is offered: its service was stopped, since nothing helped",
            attempted="treat incident",
            target=incident.id,
            advice=f"Correct the cause, then `tabib start {incident.service}`.",
        )
    raise Refused(
        "nothing is offered for it" + (f": {last.reason}" if last is not None else ""),
        attempted="treat incident",
        target=incident.id,
        advice=incident.advice or f"See `tabib incident {incident.id}`.",
    )


async def _known(site: Site, incident: Incident) -> tuple[Cared, Case]:
    cared = await site.care.ward.get(incident.project)
    case = await site.tools.journal.case(incident.case_ids[-1]) if incident.case_ids else None
    if cared is None or case is None:
        raise Refused(
            "its project is not in care any more",
            attempted="treat incident",
            target=incident.id,
            advice="`tabib up` or `tabib adopt` takes it into care.",
        )
    return cared, case


async def _slot(site: Site, cared: Cared, case: Case, *, halted_too: bool = False) -> SlotFacts:
    facts = cared.facts(await site.record.last_running(case.project))
    slot = facts.slots.get((case.service, case.slot))
    if slot is None or (slot.halted and not halted_too):
        why = f"it shall not run ({slot.halted})" if slot else "the release has it no more"
        raise Refused(
            f"{case.container}: {why}",
            attempted="treat incident",
            target=case.service,
            advice=f"`tabib start {case.service}` lets it run.",
        )
    return slot


# ── undo ───────────────────────────────────────────────────────────────────────────────────────


async def undo(site: Site, wanted: str, by: str, operation: Operation) -> Mapping[str, Any]:
    """Take the incident's last treatment back.

    :raises Refused: nothing was done, or it cannot be taken back.
    """
    tools = site.tools
    incident = await find(tools, wanted, "undo the treatment of incident")
    last = _undoable(incident)
    async with owning(tools, "undo", f"incident {incident.id}"):
        if last.action == Action.QUARANTINE:
            await _released(site, incident, operation)
        elif last.action == Action.RECONNECT:
            await _disconnected(tools, incident, last, operation)
        elif last.action == Action.RESTORE:
            await put_back(tools, incident, last, operation)
        else:
            await _former_release(site, incident, last, by, operation)
    now = tools.clock.now()
    after = await change(tools, incident, lambda one, _: _undone(one, last, by, tools))
    operation.note(f"{last.action} is undone, {now:%H:%M:%S} UTC")
    return {"incident": views.incident_row(after)}


_NO_UNDO = {
    "start": "a start is undone by a stop",
    "restart": "a restart cannot be undone: what ran before it is gone",
    "recreate": "the container that it replaced is gone",
    "free_space": "what was removed is gone; it was used by nothing",
}


def _undoable(incident: Incident) -> Treatment:
    done = [
        one for one in incident.treatments if one.outcome in ("verified", "not_verified", "done")
    ]
    last = done[-1] if done else None
    attempted = "undo the treatment of incident"
    if last is None:
        undone = any(one.outcome == "undone" for one in incident.treatments)
        raise Refused(
            "it is undone already" if undone else "tabib did nothing about it",
            attempted=attempted,
            target=incident.id,
            advice="There is nothing to undo.",
        )
    if last.action in _NO_UNDO:
        raise Refused(
            _NO_UNDO[last.action],
            attempted=attempted,
            target=incident.id,
            advice=f"`tabib stop {incident.service}` stops it.",
        )
    return last


def _undone(one: Incident, last: Treatment, by: str, tools: Tools) -> Incident:
    treatments = tuple(
        replace(each, outcome="undone") if each.started_at == last.started_at else each
        for each in one.treatments
    )
    now = tools.clock.now()
    text = f"{last.action} undone by {by or 'user'}"
    return noted(replace(one, treatments=treatments), now, "treatment", text)


async def _released(site: Site, incident: Incident, operation: Operation) -> None:
    """The end of a quarantine: it is started, and cared for again."""
    record = await site.tools.journal.care(site.tools.info.id, incident.project)
    if record is None or halted_why(record, incident.container) != "quarantined":
        raise Refused(
            "it is in quarantine no more",
            attempted="undo the treatment of incident",
            target=incident.id,
            advice="There is nothing to undo.",
        )
    request = ActionRequest(verb="start", services=(incident.service,), by="user")
    await act(site.tools, incident.project, request, operation)


async def _disconnected(
    tools: Tools, incident: Incident, last: Treatment, operation: Operation
) -> None:
    names = [one for one in last.before.get("networks", "").split(",") if one]
    steps = tuple(
        Step(
            id=f"disconnect:{name}",
            verb=Verb.DISCONNECT_NETWORK,
            subject=f"network {name}",
            reason=f"undo of incident {incident.id}",
            target=name,
            service=incident.service,
            options={"container": incident.container},
        )
        for name in names
    )
    async with lease(tools, incident.project, operation):
        plan = Plan(project=incident.project, steps=steps)
        (await execute(tools, plan, operation)).raise_first(plan, "undo")


async def _former_release(
    site: Site, incident: Incident, last: Treatment, by: str, operation: Operation
) -> None:
    tools = site.tools
    async with lease(tools, incident.project, operation):
        cared = await site.care.ward.get(incident.project)
        if cared is None or cared.release is None or last.action not in NEW_RELEASE:
            raise Refused(
                "its project is not in care any more",
                attempted="undo the treatment of incident",
                target=incident.id,
                advice="`tabib up` brings it up as its file says.",
            )
        if str(cared.release.number) != last.before.get("made"):
            raise Refused(
                f"release {cared.release.number} was made since",
                attempted="undo the treatment of incident",
                target=incident.id,
                advice="`tabib releases` lists them; `tabib up` brings up what its file says.",
            )
        number = int(last.before["release"])
        reason = f"{UNDONE} of {last.action} (incident {incident.id})"
        drawn = await back_to(tools, cared, number, reason, by or "user")
        execution = await drawn.carry_out(tools, operation)
        execution.raise_first(drawn.plan, "undo")


# ── close ──────────────────────────────────────────────────────────────────────────────────────


async def close(tools: Tools, wanted: str, reason: str, by: str) -> Mapping[str, Any]:
    """Close the incident, and those that it explains; what they are about is left as it is.

    :raises Refused: it is closed already.
    """
    incident = await find(tools, wanted, "close incident")
    if incident.closed_at is not None:
        raise Refused(
            f"it is closed already ({incident.outcome})",
            attempted="close incident",
            target=incident.id,
            advice=f"`tabib incident {incident.id}` tells how it ended.",
        )
    now, who = tools.clock.now(), by or "user"
    for child in await tools.journal.incidents(engine_id=tools.info.id, open_only=True):
        if child.parent == incident.id:
            await change(tools, child, lambda one, _: close_by_hand(one, now, reason, who))
    after = await change(tools, incident, lambda one, _: close_by_hand(one, now, reason, who))
    if incident.cause.code in DATA_CODES:
        # What is there now is as a person wants it.
        await identities.accept(tools, incident.project)
    return {"incident": views.incident_row(after)}
