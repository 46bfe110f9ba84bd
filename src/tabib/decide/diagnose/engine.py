"""``engine.*``: the engine itself went away, or refused."""

from __future__ import annotations

from tabib.decide.diagnose.rule import Rule, quote
from tabib.model.incident import Case, Evidence, Finding


def _restarted(case: Case) -> Finding | None:
    if case.trigger != "engine_restarted":
        return None
    return Finding(
        code="engine.restarted",
        severity="warning",
        summary="it ran until the engine or the machine was restarted, and was not brought back",
        evidence=(
            Evidence(source="history", text="it ran when it was last seen"),
            Evidence(
                source="engine",
                text=f"restart policy: {case.restart_policy or 'none'}, exit {case.exit_code}",
                at=case.finished_at,
            ),
        ),
    )


def _start_refused(case: Case) -> Finding | None:
    if not case.engine_error:
        return None
    return Finding(
        code="engine.start-refused",
        severity="error",
        summary=quote(f"the engine could not start it: {case.engine_error}"),
        evidence=(Evidence(source="engine", text=quote(case.engine_error)),),
    )


RULES = (
    Rule(
        code="engine.restarted",
        check=_restarted,
        explain="The engine or the machine went down and came back; this container did not.",
        advice="Write `restart: unless-stopped` if the engine itself shall bring it back.",
        confidence=0.95,
    ),
    Rule(
        code="engine.start-refused",
        check=_start_refused,
        explain="The engine was asked to start the container and said no.",
        advice="Read the engine's words; correct what they name, then run `tabib up`.",
        confidence=0.6,
        restart_helps=False,
    ),
)
