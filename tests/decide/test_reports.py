"""Reports of incidents: what they say, that nothing steers or leaks, that they stay small."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.charts import recorded
from tabib.decide.charts.plots import Window
from tabib.decide.diagnose import diagnose
from tabib.decide.report import Diagnosis, open_incident
from tabib.decide.reports import markdown
from tabib.decide.reports.dossier import Dossier
from tabib.decide.reports.html import incident_html
from tabib.decide.reports.incident import page
from tabib.decide.reports.log import excerpt
from tabib.decide.reports.markdown import LINES, code, fence, incident_markdown, inline
from tabib.decide.reports.text import clean, line
from tabib.model.codec import decode
from tabib.model.incident import (
    Case,
    Cause,
    Evidence,
    Finding,
    HealthProbe,
    Incident,
    Readings,
    Recorded,
    Treatment,
)
from tabib.model.kept_log import LogPattern
from tabib.model.process import ProcessRecord

T = datetime(2030, 1, 1, 12, tzinfo=UTC)
S = timedelta(seconds=1)
CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Parsed(HTMLParser):
    """A page taken apart; :attr:`wrong` has what is not nested well."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ahead: list[str] = []
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += self.ahead

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.ahead.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.ahead or self.ahead.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.ahead[-1:] not in (["style"], ["title"]):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def sound(text: str) -> Parsed:
    """The page, which is well formed, has its landmarks, and needs nothing of others."""
    parsed = Parsed(text)
    assert parsed.wrong == []
    assert len(parsed.ids) == len(set(parsed.ids))
    names = {name for name, _ in parsed.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "a"}
    for name, attrs in parsed.tags:
        assert not any(key.startswith("on") or key in ("src", "href", "style") for key in attrs)
        for key in ("aria-labelledby",):
            for id in (attrs.get(key) or "").split():
                assert id in parsed.ids, (name, id)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert len(parsed.named("h1")) == len(parsed.named("main")) == 1
    return parsed


def readings(
    *metrics: str, rows: list[tuple[int | None, ...]], step: timedelta = 5 * S
) -> Readings:
    begun = T - step * (len(rows) - 1)
    times = tuple(begun + number * step for number in range(len(rows)))
    return Readings(metrics=metrics, times=times, rows=tuple(rows))


def process(pid: int, ppid: int, command: str, **more: Any) -> ProcessRecord:
    known: dict[str, Any] = {
        "engine_id": "e", "container_id": "c", "pid": pid, "ppid": ppid, "started_ns": pid,
        "started_at": T - 60 * S + pid * S / 1000, "name": "x", "command": command,
    }  # fmt: skip
    return ProcessRecord(**(known | more))


def a_case(**more: Any) -> Case:
    known: dict[str, Any] = {
        "id": "c1", "sealed_at": T + S, "trigger": "died", "engine_id": "e", "cluster": "default",
        "project": "shop", "service": "api", "slot": 1, "container": "shop-api-1",
        "container_id": "c", "image": "api:2", "exit_code": 137, "status": "exited",
        "started_at": T - 600 * S, "finished_at": T, "restart_policy": "", "release": 4,
        "log_tail": ("ready", "request 41", "FATAL: no memory for request 42"),
        "health_log": (HealthProbe(at=T - 5 * S, exit_code=1, output="refused"),),
        "events": ("12:00:00.000 container shop-api-1 die exitCode=137",),
        "config_changes": ("mem_limit: 128m, was 64m",),
        "dependencies": {"db": "healthy"},
        "absent": ("log of db: the engine did not answer within 2 s",),
        "recorded": Recorded(
            since=T - 900 * S, until=T + S,
            container=readings(
                "cpu_us", "memory_working_set_bytes", "memory_limit_bytes", "cpu_throttled_us",
                rows=[(n * 1_000_000, 10_000_000 + n * 900_000, 64_000_000, 0) for n in range(60)],
            ),
            node=readings("memory_total_bytes", "memory_available_bytes", "cpus",
                          "load_1m_hundredths", rows=[(8 * 10**9, 10**9, 2, 350)] * 3),
            processes=(
                process(1, 0, "sh -c serve", ended_at=T, exit_code=137),
                process(7, 1, "serve --port 80", ended_at=T, signal=9, killed_by="oom"),
                process(9, 7, "helper"),
            ),
            patterns=(LogPattern(engine_id="e", container_id="c", template="x", level="error",
                                 example="cannot allocate <*>", count=421, first_at=T - 60 * S,
                                 last_at=T),),
        ),
    }  # fmt: skip
    return Case(**(known | more))


def an_incident(**more: Any) -> Incident:
    cause = Cause(code="memory.container-oom", summary="it ran out of its memory limit of 64 MB",
                  confidence=0.93, cites=("memory.container-oom",))  # fmt: skip
    known: dict[str, Any] = {
        "id": "7f3a01", "opened_at": T, "engine_id": "e", "cluster": "default", "project": "shop",
        "service": "api", "container": "shop-api-1", "severity": "critical", "cause": cause,
        "causes": (cause, Cause(code="cpu.spin", summary="it spins", confidence=0.2)),
        "findings": (Finding(code="memory.container-oom", severity="critical", summary="oom",
                             evidence=(Evidence(source="log", text="FATAL: no memory for …"),
                                       Evidence(source="event", text="oom", at=T))),),
        "treatments": (Treatment(action="restart", reason="it may pass", started_at=T + 2 * S,
                                 ended_at=T + 9 * S, outcome="verified"),),
        "outcome": "recovered", "closed_at": T + 12 * S, "rto_seconds": 12.0,
        "advice": "Raise the memory limit.", "case_ids": ("c1",), "seen_at": T + S / 2,
    }  # fmt: skip
    return Incident(**(known | more))


def dossier(incident: Incident | None = None, case: Case | None = None, **more: Any) -> Dossier:
    return Dossier(
        incident=incident or an_incident(), cases=(case or a_case(),), made_at=T + 600 * S, **more
    )


# ── what they say ──────────────────────────────────────────────────────────────────────────────


def test_the_page_answers_the_six_questions_first() -> None:
    parsed = sound(incident_html(page(dossier())))
    head = parsed.text[: parsed.text.index("The minutes around it")]
    for said in (
        "shop/api: it ran out of its memory limit of 64 MB",
        "What broke shop/api (shop-api-1): it died with exit code 137",
        "Since when 2030-01-01 12:00:00 UTC, for 12 s",
        "memory.container-oom, 93% sure",
        "FATAL: no memory for …",
        "What tabib did restarted it",
        "Did it work yes: recovered after 12 s",
        "What is left Raise the memory limit.",
    ):
        assert said in head, said
    assert len(head.split()) < 120  # thirty seconds


def test_the_page_has_all_the_rest() -> None:
    child = an_incident(id="9999", service="web", parent="7f3a01")
    parent = an_incident(id="8888", service="db")
    parsed = sound(incident_html(page(dossier(children=(child,), parent=parent))))
    for said in (
        "It came of incident 8888 (shop/db",
        "shop/web: it ran out",
        "helper",
        "✖ SIGKILL by the out-of-memory killer",
        "421 error",
        "cannot allocate <*>",
        "mem_limit: 128m, was 64m",
        "Memory available 1.0 GB of 8.0 GB",
        "Load, 1 minute 3.50 on 2 CPUs",
        "Depends on db healthy",
        "health check fails (exit 1): refused",
        "log of db: the engine did not answer",
        "Zero throughout: held up by the CPU limit",
        "12:00:00.000 container shop-api-1 die exitCode=137",
        "▶ FATAL: no memory for request 42",
        "20 % – it spins",
    ):
        assert said in parsed.text, said
    charts = parsed.named("svg")
    assert len(charts) >= 3
    assert all(one["role"] == "img" and one["aria-labelledby"] for one in charts)
    assert "peak 63.1 MB, limit 64.0 MB" in parsed.text
    text = incident_html(page(dossier()))
    assert len(text) < 500_000
    for sign in ("✖", "●", "✔"):
        assert f">{sign}</text>" in text


def test_where_nothing_was_read_is_a_gap() -> None:
    table = readings("processes", rows=[(3,), (3,), (None,)] + [(None,)] * 20 + [(4,), (4,)])
    since = table.times[0].timestamp() - 5
    window = Window(since=since, until=T.timestamp() + 5, count=26)
    found = recorded.plot("container", "processes", [table, table], window)
    known = [mean for mean in found.means if mean is not None]
    assert found.means[5:20] == (None,) * 15
    assert {*known} == {3, 4}


def test_a_counter_that_began_anew_shows_no_negative_rate() -> None:
    table = readings("cpu_us", rows=[(5_000_000,), (10_000_000,), (1_000_000,), (6_000_000,)])
    window = Window(since=table.times[0].timestamp(), until=T.timestamp(), count=3)
    found = recorded.plot("container", "cpu_us", [table], window)
    assert found.means == (1_000_000, 200_000, 1_000_000)


def test_without_a_case_or_a_recorder_it_says_so() -> None:
    bare = Dossier(incident=an_incident(case_ids=()), made_at=T + 60 * S)
    parsed = sound(incident_html(page(bare)))
    assert "the sealed case: there is none" in parsed.text
    assert "No figures of this container were recorded" in parsed.text
    unread = sound(incident_html(page(dossier(case=a_case(recorded=None)))))
    assert "figures and processes: nothing was recorded before the trouble" in unread.text
    assert "it ran out" in incident_markdown(page(bare))


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_every_recorded_case_has_a_sound_report(path: Path) -> None:
    loaded = json.loads(path.read_text())
    case = decode(json.dumps(loaded.get("case", loaded)), Case)
    findings, causes = diagnose(case)
    incident = open_incident(
        case, Diagnosis(findings=findings, causes=causes), "abc", seen_at=case.sealed_at
    )
    made = page(Dossier(incident=incident, cases=(case,), made_at=case.sealed_at + 60 * S))
    parsed = sound(incident_html(made))
    assert " ".join(clean(incident.cause.summary, 300).split()) in parsed.text
    text = incident_markdown(made)
    assert incident.cause.code in text
    assert len(text.splitlines()) <= LINES


def test_the_excerpt_keeps_what_is_telling_and_says_what_it_left_out() -> None:
    lines = [f"line {n}" for n in range(200)]
    lines[20] = "panic: the disk is gone for good"
    found = excerpt(lines, ["panic: the disk is gone…"], last=3)
    texts = [one.text for one in found]
    assert texts[0] == "… 18 lines left out …"
    assert texts[1:6] == ["line 18", "line 19", "panic: the disk is gone for good", "line 21",
                          "line 22"]  # fmt: skip
    assert texts[6] == "… 174 lines left out …"
    assert texts[7:] == ["line 197", "line 198", "line 199"]
    assert [one.mark for one in found if one.mark != "skipped"].count("cited") == 1


# ── strangers' texts ───────────────────────────────────────────────────────────────────────────

HOSTILE = (
    "@everyone #1 https://evil.example/ ![x](http://evil.example/i.png)",
    "`````",
    "<script>alert(1)</script>",
    "</code></li></ol><img src=x onerror=alert(1)>",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J",
    "abc\u202egnp.exe \u2066x\u2069 \u200f",
    "```\n# out of the fence\n~~~",
    "nul \x00 bell \x07 back \x08 \ud800 lone",
    "{{ 7*7 }} {% raw %} ${x}",
    "]]> --> <!-- &lt; \"'",
    "x" * 16_384,
)


def hostile() -> Dossier:
    everything = " ".join(HOSTILE)
    evidence = tuple(Evidence(source="log", text=text) for text in HOSTILE)
    cause = Cause(code="exit.app-error", summary=everything, confidence=1, service=everything,
                  cites=("exit.app-error",))  # fmt: skip
    finding = Finding(
        code="exit.app-error", severity="error", summary=everything, evidence=evidence * 3
    )
    records = tuple(
        process(n, max(n - 1, 0), HOSTILE[n % len(HOSTILE)], ended_at=T, exit_code=1,
                killed_by=everything)
        for n in range(1, 201)
    )  # fmt: skip
    pattern = LogPattern(engine_id="e", container_id="c", template="t", level="error", count=2,
                         example=everything, first_at=T, last_at=T)  # fmt: skip
    base = a_case()
    assert base.recorded
    case = replace(
        base,
        image=everything, service="s", log_tail=HOSTILE * 20, events=HOSTILE * 4,
        config_changes=HOSTILE * 10, absent=HOSTILE, dependencies={everything: everything},
        health_log=tuple(HealthProbe(at=T, exit_code=1, output=text) for text in HOSTILE),
        recorded=replace(base.recorded, processes=records, patterns=(pattern,) * 50),
    )  # fmt: skip
    treatment = Treatment(action=everything, reason=everything, started_at=T, outcome="failed")
    incident = an_incident(
        cause=cause, causes=(cause,) * 9, findings=(finding,) * 40, advice=everything,
        container=everything, project=everything, treatments=(treatment,) * 99, rto_seconds=None,
        outcome="needs_human", closed_at=None,
    )  # fmt: skip
    return dossier(incident, case, children=(incident,) * 100, parent=incident)


def test_hostile_texts_stay_texts() -> None:
    text = incident_html(page(hostile()))
    parsed = sound(text)
    assert "<script>alert(1)</script>" in parsed.text
    assert "{{ 7*7 }}" in parsed.text
    assert len(text.encode()) < 2_000_000
    for bad in ("\x1b", "\x00", "\x07", "\x08", "\u202e", "\u2066", "\u200f", "\ud800"):
        assert bad not in text
    assert "⟨U+202E⟩" in text
    assert "(16384 characters)" in text


def fenced(text: str) -> tuple[list[str], list[str]]:
    """The lines outside and inside of fences, as CommonMark has them."""
    outside: list[str] = []
    inside: list[str] = []
    opened = ""
    for one in text.splitlines():
        run = re.match(r" {0,3}(`{3,}|~{3,})", one)
        if not opened and run:
            opened = run[1]
        elif opened and re.fullmatch(rf" {{0,3}}{re.escape(opened[0])}{{{len(opened)},}}\s*", one):
            opened = ""
        else:
            (inside if opened else outside).append(one)
    assert not opened
    return outside, inside


def test_hostile_markdown_stays_in_its_fence_and_calls_nobody() -> None:
    text = incident_markdown(page(hostile()))
    assert len(text.splitlines()) <= LINES
    outside, inside = fenced(text)
    assert any("# out of the fence" in one for one in inside)
    assert not any(one.startswith("# ") for one in outside)
    bare = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(outside))
    assert not re.search(r"(?<!\\)[<>]", bare)
    assert "@everyone" not in bare
    assert "https://" not in bare
    assert not re.search(r"(?<!\\)\]\(", bare)
    assert not any(bad in text for bad in ("\x1b", "\x00", "\u202e", "\ud800"))


@given(st.text(max_size=80))
def test_a_code_span_and_a_fence_hold_anything(text: str) -> None:
    shown = line(text)
    made = fence([shown])
    assert fenced("\n".join(made)) == ([], [shown]) or "\n" in shown
    span = code(text)
    if span:
        ticks = re.match("`+", span)
        assert ticks
        assert ticks[0] not in span[len(ticks[0]) : -len(ticks[0])]


@given(st.text(), st.integers(1, 50))
def test_cleaned_text_is_one_printable_line_of_bounded_length(text: str, limit: int) -> None:
    for made in (clean(text, limit), line(text, limit)):
        assert all(char.isprintable() for char in made)
        assert len(made) <= limit + 30
    assert clean("plain words") == "plain words"


def test_commands_in_advice_are_code_in_every_format() -> None:
    made = page(dossier(an_incident(advice="Run `tabib logs <x>`, then look.")))
    assert "Run <code>tabib logs &lt;x&gt;</code>, then look." in incident_html(made)
    assert "Run `tabib logs <x>`, then look." in incident_markdown(made)
    odd = page(dossier(an_incident(advice="one ` <b>")))
    assert "one ` &lt;b&gt;" in incident_html(odd)
    assert r"one \` \<b\>" in incident_markdown(odd)


def test_inline_escapes_what_markdown_would_read() -> None:
    assert inline("a*b_c [x](y) <b> |") == r"a\*b\_c \[x\](y) \<b\> \|"
    assert markdown.table(("a",), []) == []
