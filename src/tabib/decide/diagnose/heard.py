"""What the last words of a container, and its health check, tell by the table of signatures."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tabib.decide.diagnose.log_text import read
from tabib.decide.diagnose.rule import Rule, quote
from tabib.decide.diagnose.signatures import Signature, signatures
from tabib.decide.diagnose.words import PASSED, Said, Words, listen
from tabib.model.incident import Case, Evidence, Finding, HealthProbe

SYMPTOMS = ("exit.app-error", "exit.finished", "health.unhealthy", "health.timeout")
_OWN_FAULTS = frozenset({132, 133, 134, 135, 136, 139, 141, 255})
"""Codes above 128 that a program brings upon itself."""
_RECORDS = 60
_OFTEN = 3
"""What is said so often in a container that runs is no chance."""
_EFFORT = 3_000_000
"""So much is searched in a case, from its end, in characters of the text times characters of the
pattern: what bounds the cost of a hostile log. An honest one takes a hundredth of it."""
_ITSELF = re.compile(r"127\.0\.0\.1|localhost|\[::1\]")


@dataclass(frozen=True, slots=True)
class Heard:
    """``weight``: what the rule's confidence is multiplied by, for how near the end it was said."""

    signature: Signature
    summary: str
    line: str
    source: str
    weight: float


def heard(case: Case) -> Mapping[str, Heard]:
    """Code → what was said of it. Nothing where a signal ended it, or the engine refused it."""
    return _hear(_mode(case), case.log_tail, case.health_log)


def said(case: Case) -> Said:
    """The case's log, joined to records."""
    return _listened(case.log_tail)


def log_rule(
    code: str,
    *,
    explain: str,
    advice: str,
    confidence: float = 0.9,
    restart_helps: bool = False,
    explains: tuple[str, ...] = (),
) -> Rule:
    """A rule that is known by what programs write."""

    def check(case: Case) -> Finding | None:
        return finding(case, code)

    return Rule(
        code=code,
        check=check,
        explain=explain,
        advice=advice,
        confidence=confidence,
        restart_helps=restart_helps,
        explains=(*SYMPTOMS, *explains),
    )


def finding(case: Case, code: str) -> Finding | None:
    """The finding that the table gives for ``code``."""
    found = heard(case).get(code)
    if found is None:
        return None
    evidence = Evidence(source=found.source, text=quote(found.line))
    return Finding(
        code=code,
        severity=found.signature.severity,
        summary=quote(found.summary),
        evidence=(evidence,),
    )


def _mode(case: Case) -> str:
    if case.trigger == "unhealthy":
        return "alive"
    code = case.exit_code
    if case.trigger not in ("died", "loop") or case.engine_error or code is None:
        return ""
    if code == 0:
        # It ended as if all were well; what it cried with its last breath tells otherwise.
        last = said(case).complaint
        cried = last is not None and last.level in ("error", "fatal") and not last.later_ordinary
        return "dead" if cried else ""
    return "dead" if 0 < code < 128 or code in _OWN_FAULTS else ""


@lru_cache(maxsize=4)
def _listened(tail: tuple[str, ...]) -> Said:
    return listen(tail)


@lru_cache(maxsize=4)
def _hear(mode: str, tail: tuple[str, ...], probes: tuple[HealthProbe, ...]) -> Mapping[str, Heard]:
    if not mode:
        return {}
    found: dict[str, Heard] = {}
    searched = _Searched()
    if mode == "alive":
        _hear_probe(probes, found, searched)
    speech = _listened(tail)
    last = speech.complaint
    known = searched.matches(last) if last is not None else {}
    stands = last is not None and not known and last.thrown is not None
    alone = stands and last is not None and last.thrown is not None and last.thrown.of_the_code
    counts: dict[str, int] = {}
    for words in reversed(speech.records[-_RECORDS:]):
        most = _weight(words, last, mode, _OFTEN, alone, bool(known))
        told = {code for code, one in found.items() if one.weight >= most}
        for signature, match in searched.matches(words, told).items():
            code = signature.code
            counts[code] = counts.get(code, 0) + 1
            weight = _weight(words, last, mode, counts[code], alone, bool(known))
            weight *= signature.certainty
            if code not in found or weight > found[code].weight:
                found[code] = _told(signature, match, words.text, "log", weight)
    return found


class _Searched:
    """Finds signatures, each text once, until the effort is spent."""

    def __init__(self) -> None:
        self._left = _EFFORT
        self._known: dict[str, dict[Signature, re.Match[str]]] = {}

    def matches(self, words: Words, told: Collection[str] = ()) -> dict[Signature, re.Match[str]]:
        """The first signature of each code that fits; of codes that are not ``told`` already."""
        known = self._known.get(words.text)
        if known is None:
            known = self._known[words.text] = self._search(words, told)
        return known

    def _search(self, words: Words, told: Collection[str]) -> dict[Signature, re.Match[str]]:
        result: dict[Signature, re.Match[str]] = {}
        if self._left < 0:
            return result
        codes: set[str] = set(told)
        low, innocent = words.low, None
        for signature in signatures():
            if signature.code in codes or not signature.needed(low):
                continue
            if innocent is None:
                innocent = words.innocent
            if innocent and not signature.any_level:
                continue
            self._left -= len(low) * len(signature.pattern)
            if self._left < 0:
                break
            match = signature.compiled.search(words.text)
            if match is not None and not PASSED.search(_line(words.text, match)):
                codes.add(signature.code)
                result[signature] = match
        return result


def _weight(
    words: Words, last: Words | None, mode: str, count: int, alone: bool, known: bool
) -> float:
    """``alone``: the last complaint stands for itself; ``known``: it is in the table."""
    if mode == "alive":
        near = 0.9 / (1 + 0.05 * words.later_ordinary)
        return near if count >= _OFTEN or words.later_ordinary <= 3 else near * 0.5
    weight = 1 / (1 + 0.12 * words.later_ordinary)
    if last is not None and words is not last and words.later_complaints:
        weight *= 0.5 if alone else 0.75 if known else 0.93
    return weight * (0.93 if words.level == "warning" else 1.0)


def _hear_probe(
    probes: tuple[HealthProbe, ...], found: dict[str, Heard], searched: _Searched
) -> None:
    for probe in reversed(probes[-3:]):
        if probe.exit_code == 0 or not probe.output.strip() or probe.exit_code in (126, 127, -1):
            continue
        text, level = read(probe.output)
        words = Words(text, level)
        for signature, match in searched.matches(words).items():
            itself = signature.code.startswith("network.") and _ITSELF.search(text)
            if signature.code not in found and not itself:
                found[signature.code] = _told(signature, match, text, "health", 1.0)


def _told(
    signature: Signature, match: re.Match[str], text: str, source: str, weight: float
) -> Heard:
    return Heard(signature, signature.summary(match), _line(text, match), source, weight)


def _line(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return text[start : end if end >= 0 else len(text)]
