"""What a container said at its end: its last lines, joined to records, and how near each is to it.

The last words count. A complaint counts less the more ordinary lines follow it, and little where an
error that stands for itself follows.
"""

# ruff: noqa: E501
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tabib.decide.diagnose.log_text import read
from tabib.decide.diagnose.thrown import Thrown, thrown
from tabib.decide.stack_traces import Group, begins_trace

LINES = 200
RECORD_CHARACTERS = 4000
_RECORD_LINES = 120
_PREFIX = re.compile(
    r"^(?:[0-9]{2}:[0-9]{2}:[0-9]{2} [\w.-]{1,40} {1,20}\| |[0-9]{1,4}\|[\w.-]{1,40} {1,12}\| )"
)
"""What runners of several processes (foreman, pm2) write before each line of theirs."""
_SATELLITE = re.compile(
    r"\b(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|TIPP|KONTEXT|ANWEISUNG|ASTUCE|CONTEXTE|INSTRUCTION"
    r"|D\xc9TAIL|CONSEIL) ?: {1,3}"
)
"""What PostgreSQL tells of the line before."""
_CHATTER = re.compile(
    r"(?i)^\W{0,40}$|\b(?:shut(?:ting)? ?down|exit(?:ing|ed| status| code)?|stopp(?:ing|ed)|bye"
    r"|terminat(?:ing|ed)|closing|closed|retry(?:ing)?|retries|attempts?|waiting|sleeping|again"
    r"|reconnect(?:ing)?|give up|giving up|abort(?:ing|ed)?|killed|cleaning up|goodbye"
    r"|complete log of this run|npm err|npm error|elifecycle|err_pnpm|error command failed"
    r"|records (?:in|out)|bytes .{0,40} copied|core dumped|stack dump|see (?:the )?docs?"
    r"|usage:|try .{0,40}--help|for more information|Node\.js v[0-9]|http_status|request_id"
    r"|now exiting|dbexit|deregister|destroy(?:ing)?|collected|end of file|rolled back|rolling back"
    r"|spawnerr|success: |worker failed to boot|reason: )\b"
)
"""What follows an error on the way out; it says nothing against it."""
_WENT_ON = re.compile(
    r"(?i)\b(?:re)?connected (?:to|after)\b|\bconnection (?:was |has been )?(?:re-?)?established\b"
    r"|\brecovered\b|\bsucceeded (?:after|on|at)\b|\bis (?:back|available|reachable|up)\b"
    r"|\bback (?:online|to normal)\b|\bnow (?:available|reachable|ready)\b|\bresolved\b"
    r"|\bready (?:to accept|for) connections\b"
)
"""What shows that the trouble named before is over."""
INNOCENT = re.compile(
    r"(?i)\b(?:no|0|zero|without(?: any)?) (?:errors?|exceptions?|failures?|warnings?|problems?)\b"
    r"|\berrors?[\"']?\s{0,2}[=:]\s{0,2}(?:0|none|nil|null|false|no|undefined|-|\"\"|'')(?![\w.])"
    r"|\b(?:will be )?ignored\b|\bignoring\b|\bhandled\b(?<!unhandled)|\brecovered\b|\bexpected\b(?!,)"
    r"|\b(?:passed|\.\.\. ok)\b|^\s{0,8}(?:✓|√|ok [0-9])|\bfor example\b|\be\.g\.|\bif you (?:see|get)\b"
    r"|\b(?:fixed|fixes|changelog|feature|docs?|help): |\bsimulat|\btest_\w|\bno longer\b|\bin case of\b"
    r"|\bwould (?:be|have)\b|\bhandler (?:for|registered)\b|\bregistered\b|\bretry_?on\b|\bavoid\b"
    r"|\bprevent|\bdetected and\b|\bfall(?:ing)? ?back\b|\bskipp(?:ed|ing)\b|\bnon-fatal\b"
    r"|\bin any case\b|\bwatching for\b|\bmonitor(?:s|ing)\b|\balert(?:s|ing)? on\b|\bdeprecat"
)
"""A line that mentions trouble and has none; an error's level overrules it."""
PASSED = re.compile(r"^\s{0,8}(?:✓|√|ok [0-9])|\bPASSED$")


@dataclass(slots=True)
class Words:
    """A line and what belongs to it (a trace, indented lines, details)."""

    text: str
    level: str
    lines: int = 1
    later_ordinary: float = 0
    """Ordinary records between it and the end."""
    later_complaints: int = 0
    _low: str = ""
    _thrown: Thrown | bool | None = False

    @property
    def low(self) -> str:
        if not self._low:
            self._low = self.text.lower()
        return self._low

    @property
    def first(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def thrown(self) -> Thrown | None:
        """What it tells of an error that was not handled."""
        if isinstance(self._thrown, bool):
            self._thrown = thrown(self.text) if self.level != "info" else None
        return self._thrown

    @property
    def complains(self) -> bool:
        return self.level in ("error", "fatal", "warning") or (
            self.lines > 1 and self.thrown is not None
        )

    @property
    def innocent(self) -> bool:
        """Whether it only mentions trouble."""
        if self.level in ("error", "fatal"):
            return PASSED.search(self.first[:600]) is not None
        return self.level == "info" or INNOCENT.search(self.first[:600]) is not None

    def add(self, text: str) -> None:
        self.lines += 1
        if self.lines <= _RECORD_LINES and len(self.text) < RECORD_CHARACTERS:
            self.text = f"{self.text}\n{text}"
            self._low, self._thrown = "", False


@dataclass(frozen=True, slots=True)
class Said:
    """All that was said, oldest first."""

    records: tuple[Words, ...] = ()
    complaint: Words | None = field(default=None)
    """The last one that complains."""


def listen(tail: Iterable[str]) -> Said:
    """The records of a log's tail."""
    records: list[Words] = []
    group: Group | None = None
    for raw in tuple(tail)[-LINES:]:
        text, level = read(_PREFIX.sub("", raw) if "|" in raw[:90] else raw)
        structured = "\n" in text
        if not text.strip():
            if group is not None:
                group.takes("")
            continue
        if records and not structured:
            # A warning was got over; an unhandled error below it is another matter.
            apart = records[-1].level == "warning" and text.startswith("Traceback (most")
            if group is not None and not apart and group.takes(text):
                records[-1].add(text)
                continue
            if _belongs(text, level):
                records[-1].add(text)
                continue
        if not level and begins_trace(text):
            level = "error"
        records.append(Words(text, level))
        group = Group.begin(text, level) if level not in ("", "info") and not structured else None
    _place(records)
    complaint = next((one for one in reversed(records) if one.complains), None)
    return Said(tuple(records), complaint)


def _belongs(text: str, level: str) -> bool:
    if text[0] in " \t" and level in ("", "error"):
        return True
    if text[0] in "^})]" and len(text) < 4:
        return True
    return _SATELLITE.search(text[:200]) is not None


def _place(records: list[Words]) -> None:
    ordinary, complaints = 0.0, 0
    for one in reversed(records):
        one.later_ordinary, one.later_complaints = ordinary, complaints
        if one.complains:
            complaints += 1
        elif _WENT_ON.search(one.first[:300]):
            ordinary += 6
        elif not _CHATTER.search(one.first[:300]):
            ordinary += 1
