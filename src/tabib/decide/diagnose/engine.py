"""``engine.*``: the engine itself went away, or refused."""

from __future__ import annotations

from tabib.decide.diagnose.rule import Rule, engine_rule, quote
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


def _hung(case: Case) -> Finding | None:
    """Several questions at once, and no answer to any within its deadline."""
    silent = [line for line in case.absent if "did not answer within" in line]
    if len(silent) < 2:
        return None
    evidence = tuple(Evidence(source="absent", text=line) for line in silent)
    return Finding(
        code="engine.hung",
        severity="critical",
        summary="the engine does not answer",
        evidence=evidence,
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
    Rule(
        code="engine.hung",
        check=_hung,
        explain="The engine takes connections and does not answer: it hangs, or is overloaded.",
        advice="See its log; `kill -USR1` of dockerd writes its stacks there. Then restart it.",
        confidence=0.55,
        restart_helps=False,
    ),
    engine_rule(
        "engine.corrupt-layer",
        r"(failed to register layer|error creating overlay mount|failed to mount overlay[^:]*"
        r"|layer does not exist|unable to find image config|unknown blob|readlink \S*overlay2\S*"
        r"|open \S*overlay2\S*: no such file|RWLayer of container \S+ is unexpectedly nil"
        r"|error getting image layer|image config not found|failed to get layer)",
        "the engine's copy of its image or layer is damaged: {0}",
        explain="Files of the engine's own storage are missing or damaged, as after a crash.",
        advice="Remove the image and pull it again; look at the disk below the engine's data root.",
        explains=("engine.start-refused", "image.not-found", "storage.bind-missing"),
    ),
)
