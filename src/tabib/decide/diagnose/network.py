"""``network.*``: ports, names, and others that do not answer."""

from __future__ import annotations

import re

from tabib.decide.diagnose.rule import (
    DEATHS,
    Rule,
    engine_rule,
    from_health,
    from_log,
    quote,
)
from tabib.decide.symptoms import TOWARD_OTHERS
from tabib.model.incident import Case, Evidence, Finding

_REFUSED = re.compile(r"[Cc]onnection refused|ECONNREFUSED|actively refused|could not connect to")
_DNS = re.compile(
    r"bad address|[Tt]emporary failure in name resolution|Name or service not known"
    r"|getaddrinfo (?:ENOTFOUND|EAI_AGAIN|failed)|could not translate host name|no such host"
    r"|[Nn]o address associated with hostname|server misbehaving",
)
_ITSELF = re.compile(r"127\.0\.0\.1|localhost|\[::1\]")
_APP_PORT = re.compile(r"[Aa]ddress already in use|EADDRINUSE")
_BAD = frozenset({"down", "unhealthy"})


def suffering(case: Case) -> list[str]:
    """Dependencies that are known to be in trouble, in the order of the case."""
    return [name for name, state in case.dependencies.items() if state in _BAD]


_ANSWERED = frozenset({"network.refused"})


_ELSEWHERE = re.compile(
    r"://(?!127\.|localhost|\[::1\]|0\.0\.0\.0)[\w.-]"
    r"|(?<!\S)(?:-h|--host)[ =](?!127\.|localhost)[\w.-]"
)


def asks_itself(case: Case, finding: Finding) -> bool:
    """Whether a health check tells it, and names nobody else: what does not answer is then the
    service whose check it is."""
    evidence = finding.evidence[0]
    if evidence.source != "health" or wanted(case, finding):
        return False
    return not _ELSEWHERE.search(f"{evidence.text} {_checked_by(case)}")


def _checked_by(case: Case) -> str:
    """The command of its health check."""
    check = (case.inspection.get("Config") or {}).get("Healthcheck") or {}
    return " ".join(map(str, check.get("Test") or ()))


def wanted(case: Case, finding: Finding) -> str:
    """The service that something was wanted from when ``finding`` came about: a dependency that
    its evidence names, else one that is known to be in trouble; ``""`` where none is known."""
    if finding.code not in TOWARD_OTHERS or not finding.evidence:
        return ""
    bad = suffering(case)
    text = finding.evidence[0].text
    if finding.evidence[0].source == "health":  # what the check asks stands in its command
        text = f"{text} {_checked_by(case)}"
    for name in (*bad, *(one for one in case.dependencies if one not in bad)):
        if finding.code in _ANSWERED and case.dependencies[name] == "healthy":
            continue  # it would answer: another port, or another name, was asked for
        if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text):
            return name
    return bad[0] if bad else ""


def _touched(case: Case) -> bool:
    return case.trigger in DEATHS or case.trigger == "unhealthy"


def _from_dependencies(case: Case) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(source="engine", text=f"dependency {name} is {state}")
        for name, state in case.dependencies.items()
    )


def _summary(case: Case, general: str, said: str) -> str:
    named = [name for name in suffering(case) if re.search(rf"\b{re.escape(name)}\b", said)]
    bad = named or suffering(case)
    if not bad:
        return general
    states = ", ".join(f"{name} is {case.dependencies[name]}" for name in bad)
    return f"{general}: {states}"


def _refused(case: Case) -> Finding | None:
    evidence = from_log(case, _REFUSED)
    if evidence is None:
        # A health check that asks its own container says that the application does not answer,
        # not that another does not.
        evidence = from_health(case, _REFUSED)
        if evidence is not None and _ITSELF.search(evidence.text):
            return None
    if not _touched(case) or evidence is None:
        return None
    summary = _summary(case, "something it depends on refuses connections", evidence.text)
    found = Finding(
        code="network.refused",
        severity="error",
        summary=quote(summary),
        evidence=(evidence, *_from_dependencies(case)),
    )
    if case.trigger in DEATHS and asks_itself(case, found):
        return None  # its own check was refused while it was down, which is no cause
    return found


def _dns(case: Case) -> Finding | None:
    evidence = from_log(case, _DNS) or from_health(case, _DNS)
    if not _touched(case) or evidence is None:
        return None
    summary = _summary(case, "a name that it looks up is not known", evidence.text)
    return Finding(
        code="network.dns",
        severity="error",
        summary=quote(summary),
        evidence=(evidence, *_from_dependencies(case)),
    )


_TAKEN_BY_ENGINE = engine_rule(
    "network.port-taken",
    r"Bind for (\S+) failed: port is already allocated"
    r"|listen (?:tcp|udp)\d? (\S+): bind: address already in use"
    r"|failed to bind host port (\S+?)[/:]? ?.*address already in use"
    r"|[Pp]orts are not available: exposing port (?:TCP|UDP) (\S+)",
    "the port {0} that it publishes is taken by another",
    explain="Another container or a program on the machine already listens on that port.",
    advice="Stop what holds the port, or publish another one in `ports:`.",
)


def _port_taken(case: Case) -> Finding | None:
    by_engine = _TAKEN_BY_ENGINE.check(case)
    if by_engine is not None:
        return by_engine
    evidence = from_log(case, _APP_PORT)
    if case.trigger not in DEATHS or evidence is None:
        return None
    return Finding(
        code="network.port-taken",
        severity="error",
        summary="the port that it listens on is taken",
        evidence=(evidence,),
    )


def _disconnected(case: Case) -> Finding | None:
    if not case.missing_networks or not (_touched(case) or case.trigger == "detached"):
        return None
    names = ", ".join(case.missing_networks)
    evidence = Evidence(source="engine", text=f"not attached to {names}, as its release says")
    return Finding(
        code="network.disconnected",
        severity="error",
        summary=quote(f"it runs, and is not attached to its network: {names}"),
        evidence=(evidence,),
    )


RULES = (
    Rule(
        code="network.disconnected",
        check=_disconnected,
        explain="The container was detached from a network that its file gives it.",
        advice="`docker network connect` attaches it by hand; see who detached it.",
        confidence=0.92,
        explains=(
            *("network.refused", "network.dns", "network.timeout", "network.partition"),
            *("network.reset", "health.unhealthy", "health.timeout", "exit.app-error"),
        ),
    ),
    Rule(
        code="network.port-taken",
        check=_port_taken,
        explain=_TAKEN_BY_ENGINE.explain,
        advice=_TAKEN_BY_ENGINE.advice,
        confidence=0.95,
        restart_helps=False,
        explains=("engine.start-refused", "exit.app-error"),
    ),
    engine_rule(
        "network.missing",
        r"network (\S+) not found",
        "its network {0} does not exist any more",
        explain="The network was removed (pruned) while the container was down.",
        advice="Run `tabib up`: it creates the network and the container anew.",
    ),
    engine_rule(
        "network.pool-exhausted",
        r"(could not find an available,? non-overlapping \S+ address pool"
        r"|all predefined address pools have been fully subnetted"
        r"|[Pp]ool overlaps with other one on this address space"
        r"|no available IPv?4? addresses[^.]*|address pool \S+ is exhausted)",
        "the engine has no addresses left for a network: {0}",
        explain="Each network takes a range of addresses, and none is free, or two overlap.",
        advice="Remove networks that nobody uses (`docker network ls`), or name another `subnet`.",
    ),
    Rule(
        code="network.refused",
        check=_refused,
        explain="A connection that the service opens is refused: nobody listens there.",
        advice="Look at the service that it wanted to reach: that one is to be healed first.",
        confidence=0.65,
        explains=("exit.app-error", "health.unhealthy", "health.timeout"),
    ),
    Rule(
        code="network.dns",
        check=_dns,
        explain="A host name could not be resolved: the other side is gone, or misspelt.",
        advice="Check the name, that both are on one network, and that the other one runs.",
        confidence=0.7,
        explains=("exit.app-error", "health.unhealthy", "health.timeout", "network.refused"),
    ),
)
