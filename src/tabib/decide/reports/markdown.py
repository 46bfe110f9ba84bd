"""Reports as Markdown (CommonMark with tables) for an issue tracker or a chat: short, no HTML.

What a container wrote stands in fences that it cannot close; everywhere else what Markdown would
read as markup is escaped, and a name after ``@`` calls nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tabib.decide.reports.incident import Page
from tabib.decide.reports.log import LogLine
from tabib.decide.reports.summary import Summary
from tabib.decide.reports.tables import headline, tables
from tabib.decide.reports.text import clean, spans
from tabib.decide.reports.words import moment

LINES = 60
"""A report of an incident has no more lines than that."""
ROWS = 10
_LOG, _WIDE = 12, 240
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~#&!])")
_JOINER = "\u2060"
"""Joins words without a sign: what follows it is no mention, issue or link any more."""


def incident_markdown(page: Page) -> str:
    """The report of an incident, at most :data:`LINES` lines."""
    answers = page.answers
    lines = [
        f"## {inline(page.title)}",
        "",
        f"**{inline(page.status)}** · incident {code(page.id)} · {page.severity} "
        f"· {inline(page.container)}",
        "",
        f"- **What broke:** {inline(answers.broke)}",
        f"- **Since when:** {inline(answers.since)}",
        f"- **Why:** {inline(answers.why)}",
        f"- **What tabib did:** {inline(answers.did)}",
        f"- **Did it work:** {inline(answers.worked)}",
        f"- **What is left:** {_advice(answers.left)}",
        *_related(page),
        *_section("Evidence", _evidence(page)),
        *_section("Log", _log(page.log)),
        *_section("Changed since the last good release", _some(map(code, page.changes), 4)),
        *_section("Figures", _figures(page)),
        *_section("Processes that ended badly", _dead(page)),
        "",
        f"Times are UTC. All of it: {code(f'tabib report {page.id} --format html -o report.html')}",
    ]
    return "\n".join(lines[:LINES]) + "\n"


def summary_markdown(summary: Summary) -> str:
    """The report of a project's days; of each table the first :data:`ROWS` rows."""
    what = summary.project or "All projects"
    lines = [
        f"## {inline(what)}: {inline(headline(summary))}",
        "",
        f"{moment(summary.since)} to {moment(summary.until)}",
        *_section("Do first", [
            f"{number}. **{inline(one.service)}**: {inline(one.why)}. {_advice(one.advice)} "
            f"({code(one.incident)})"
            for number, one in enumerate(summary.first, 1)
        ]),
        *_section("Needs a person", _some((
            f"**{inline(one.service)}** since {moment(one.since)}: {inline(one.summary)} "
            f"({code(one.id)})"
            for one in summary.needs_a_person
        ), ROWS)),
    ]  # fmt: skip
    for one in tables(summary):
        if one.rows:
            rows = [[inline(cell) for cell in row] for row in one.rows]
            left = len(rows) - ROWS
            more = ["", f"… {left} more"] if left > 0 else []
            lines += _section(one.title, [*table(one.headings, rows[:ROWS]), *more])
    lines += _section("What could not be had", _some(map(inline, summary.absent), 5))
    return "\n".join(lines) + "\n"


def inline(text: str) -> str:
    """Plain text within a line."""
    escaped = _MARKUP.sub(r"\\\1", text).replace("@", f"@{_JOINER}").replace("\\#", f"\\#{_JOINER}")
    return re.sub(r"(?i)\b(https?|ftp|www)([:.])", rf"\1{_JOINER}\2", escaped)


def code(text: str) -> str:
    """A code span that its content cannot end."""
    shown = clean(text, _WIDE)
    if not shown:
        return ""
    ticks = "`" * (_longest(shown) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def _advice(text: str) -> str:
    return "".join(code(part) if is_code else inline(part) for part, is_code in spans(text))


def fence(lines: Sequence[str]) -> list[str]:
    """A fenced block that no line of it can end."""
    if not lines:
        return []
    ticks = "`" * max(3, *(_longest(line) + 1 for line in lines))
    return [f"{ticks}text", *lines, ticks]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; cells are escaped already."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if not body:
        return []
    return [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}", *body]


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _section(title: str, body: Sequence[str]) -> list[str]:
    return ["", f"**{title}**", "", *body] if body else []


def _some(found: Iterable[str], most: int) -> list[str]:
    texts = list(found)
    more = [f"- … {len(texts) - most} more"] if len(texts) > most else []
    return [f"- {text}" for text in texts[:most]] + more


def _related(page: Page) -> list[str]:
    lines = []
    if page.parent:
        lines.append(f"- **It came of:** incident {code(page.parent.id)}, "
                     f"{inline(page.parent.place)}: {inline(page.parent.summary)}")  # fmt: skip
    if page.children:
        names = ", ".join(f"{inline(one.place)} ({code(one.id)})" for one in page.children[:5])
        more = f" and {len(page.children) - 5} more" if len(page.children) > 5 else ""
        lines.append(f"- **What came of it:** {names}{more}")
    return lines


def _evidence(page: Page) -> list[str]:
    lines: list[str] = []
    for number, cause in enumerate(page.causes[:3]):
        lead = "" if number == 0 else "or: "
        where = f" in {inline(cause.service)}" if cause.service else ""
        lines.append(
            f"- {lead}{inline(cause.summary)}{where} ({code(cause.code)}, {cause.percent} % sure)"
        )
        lines += [f"  - {one.source}: {code(one.text)}" for one in cause.evidence[: 3 - number]]
    return lines


def _log(lines: Sequence[LogLine]) -> list[str]:
    telling = [one for one in lines if one.mark != "skipped"]
    cited = [one for one in telling if one.mark == "cited"][-_LOG // 2 :]
    rest = [one for one in telling if one not in cited]
    chosen = sorted([*cited, *rest[-(_LOG - len(cited)) :]], key=lambda one: one.number)
    return fence(
        [f"{'>' if one.mark == 'cited' else ' '} {_cut(one.text)}".rstrip() for one in chosen]
    )


def _cut(text: str) -> str:
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"


def _figures(page: Page) -> list[str]:
    return [f"- {inline(one.title)}: {inline(one.told)}" for one in page.charts.container[:5]]


def _dead(page: Page) -> list[str]:
    bad = [one for one in page.processes if one.look == "bad"]
    return _some((f"{code(one.command)} {inline(one.ended)}" for one in reversed(bad)), 3)
