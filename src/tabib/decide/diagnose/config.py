"""``config.*``: what the engine shows is not what the file says, or the file cannot be done."""

from __future__ import annotations

from tabib.decide.diagnose.rule import Rule, engine_rule
from tabib.model.incident import Case, Evidence, Finding


def _drift(case: Case) -> Finding | None:
    if case.trigger not in ("removed", "missing"):
        return None
    if case.trigger == "removed":
        summary = "the container was removed by hand while it was meant to run"
    else:
        summary = "the container is gone; it was removed while tabib was not watching"
    events = tuple(
        Evidence(source="event", text=line) for line in case.events if " destroy" in line
    )[-1:]
    absent = Evidence(source="absent", text="no stop through the engine came before it")
    if case.trigger == "missing":
        absent = Evidence(source="absent", text="no events of that time could be had")
    return Finding(
        code="config.drift", severity="error", summary=summary, evidence=(*events, absent)
    )


RULES = (
    Rule(
        code="config.drift",
        check=_drift,
        explain="Something was changed or removed by hand that the file says shall be there.",
        advice="To take a service out, remove it from the file or use `tabib stop` or `down`.",
        confidence=0.95,
    ),
    engine_rule(
        "config.name-conflict",
        r'container name "/?([^"]+)" is already in use',
        "the name {0} is held by another container",
        explain="A container of that name exists already, left over or of another project.",
        advice="Remove or rename the other container if it is not needed, then `tabib up`.",
    ),
    engine_rule(
        "config.limit-refused",
        r"([Mm]inimum memory (?:limit|reservation)[^.]*|[Rr]ange of CPUs is from[^,]*"
        r"|[Mm]inimum memoryswap limit[^,]*|NanoCPUs[^,]*|Invalid memory swappiness[^,]*)",
        "the engine refuses a limit: {0}",
        explain="A resource limit in the file is outside what this machine or engine can do.",
        advice="Correct `mem_limit`, `cpus` or `deploy.resources` in the file.",
    ),
    engine_rule(
        "config.device-missing",
        r'custom device "([^"]+)"|could not select device driver "?([^"]*)|Unknown runtime'
        r" specified (\S+)"
        r"|unknown or invalid runtime name: (\S+)",
        "a device or runtime that it asks for is not on this machine: {0}",
        explain="The file asks for a device, GPU driver or runtime that the machine lacks.",
        advice="Install it, or take it out of the file.",
    ),
)
