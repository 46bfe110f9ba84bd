"""Whom an incident's trouble is put down to, from a case and what is known of the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from support.projects import after, project, service
from tabib.decide.causes import Line, Question, Suspect, Told
from tabib.decide.causes.blame import blamed, complained_of, lines, told, told_by_log, with_blame
from tabib.decide.causes.network import calls, used_by
from tabib.decide.diagnose import diagnose
from tabib.model.incident import Case
from tabib.model.kept_log import LogPattern
from tabib.model.metrics import CONTAINER

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT = NOW.timestamp()
CASE = Case(
    id="c", sealed_at=NOW, trigger="died", engine_id="e", cluster="default", project="tale",
    service="web", slot=1, container="tale-web-1", container_id="1", exit_code=1,
    log_tail=("psycopg2.OperationalError: FATAL:  sorry, too many clients already",),
)  # fmt: skip
CODE = "database.too-many-connections"
GRAPH = {"web": {"db"}, "worker": {"db"}, "db": set[str](), "other": set[str]()}
IMAGES = {"db": "postgres:15", "web": "shop:1"}


def test_what_web_is_refused_because_worker_holds_it_all() -> None:
    findings, causes = diagnose(CASE)
    assert causes[0].code == "database.too-many-connections"
    mine = told("web", findings, causes, AT, GRAPH, IMAGES)
    assert {one.code: one.about for one in mine}["database.too-many-connections"] == "db"
    held = {("worker", "db"): 18, ("web", "db"): 1}
    question = Question(at=AT, calls=GRAPH, findings=mine, connections=held, target="web")
    found, ranked = with_blame(findings, causes, blamed(CASE, CODE, question))
    assert ranked[0].service == "worker"
    assert ranked[0].code == "database.too-many-connections"
    assert "worker holds 18 of 19 connections to db" in ranked[0].summary
    cited = next(one for one in found if one.code == ranked[0].code)
    assert cited.evidence[-1].text == "worker holds 18 of 19 connections to db"
    before = next(one for one in findings if one.code == ranked[0].code)
    assert cited.evidence[: len(before.evidence)] == before.evidence


def test_without_anything_about_others_the_complained_of_is_named() -> None:
    findings, causes = diagnose(CASE)
    mine = told("web", findings, causes, AT, GRAPH, IMAGES)
    suspects = blamed(CASE, CODE, Question(at=AT, calls=GRAPH, findings=mine, target="web"))
    assert {one.service for one in suspects} == {"db"}


def test_its_own_trouble_is_nobody_elses() -> None:
    own = Told(service="web", code="health.unhealthy", summary="unhealthy", at=AT)
    unrelated = Told(service="other", code="exit.segfault", summary="crashed", weight=1.0, at=AT)
    question = Question(at=AT, calls=GRAPH, findings=[own, unrelated], target="web")
    assert blamed(CASE, own.code, question) == ()
    assert with_blame((), (), ()) == ((), ())


@pytest.mark.parametrize(
    ("service", "code", "text", "about"),
    [
        ("web", "network.refused", "connect to cache:6379 refused", "cache"),
        ("web", "network.refused", "connection refused", ""),
        ("worker", "network.refused", "connection refused", "db"),
        ("web", "database.too-many-connections", "sorry, too many clients already", "db"),
        ("db", "database.too-many-connections", "sorry, too many clients already", ""),
        ("psql", "database.too-many-connections", "sorry, too many clients already", "db"),
        ("web", "exit.app-error", "db", ""),
    ],
)
def test_of_whom_a_text_complains(service: str, code: str, text: str, about: str) -> None:
    graph = {"web": {"db", "cache"}, "worker": {"db"}, "db": set[str](), "cache": set[str]()}
    graph["psql"] = {"db"}
    images = {**IMAGES, "psql": "postgres:15"}
    assert complained_of(service, code, text, graph, images) == about


def test_what_the_others_wrote_lately_is_heard() -> None:
    pattern = LogPattern(
        engine_id="e", container_id="1", template="x", level="error", count=40,
        example="FATAL:  sorry, too many clients already", first_at=NOW, last_at=NOW,
    )  # fmt: skip
    heard = told_by_log("db", [pattern], AT - 60, GRAPH, IMAGES)
    assert [(one.code, one.about) for one in heard] == [("database.too-many-connections", "")]
    assert "40 times" in heard[0].summary
    assert told_by_log("db", [pattern], AT + 60, GRAPH, IMAGES) == []
    odd = replace(pattern, example="nothing that anybody knows")
    assert told_by_log("db", [odd], AT - 60, GRAPH, IMAGES) == []


def test_lines_hold_what_services_are_compared_by() -> None:
    rows = [tuple(range(len(CONTAINER)))] * 3
    found = {one.metric: one for one in lines("web", [1.0, 2.0, 3.0], rows)}
    assert len(found) == 12
    assert found["cpu_us"].kind == "counter"
    assert found["open_files"].kind == "gauge"


def test_who_uses_whom_by_the_file() -> None:
    shop = project(
        service("db"),
        service("cache"),
        service("web", depends_on=after("db")),
        service("worker", environment={"URL": "postgres://u:p@db:5432/x", "CACHE": "cache:6379"}),
        service("odd", environment={"NOTE": "the-db-is-not-meant", "PATH": "/var/db/x"}),
        service("link", links=["db:database"]),
    )
    graph = calls(shop)
    assert graph["web"] == {"db"}
    assert graph["worker"] == {"db", "cache"}
    assert graph["odd"] == frozenset()
    assert graph["link"] == {"db"}
    assert used_by("web", {**graph, "db": {"disk", "web"}}) == {"db", "disk"}


def busy(name: str) -> Line:
    """It works much more since half a minute before the trouble."""
    times = [AT - 600 + 5 * n for n in range(120)]
    values = [(9e5 if at > AT - 30 else 1e5) + n % 7 * 3e3 for n, at in enumerate(times)]
    return Line(service=name, metric="cpu_us", times=times, values=values)


def test_who_works_more_beside_it_is_not_blamed_for_what_db_refuses() -> None:
    refused = Told(
        service="web", code="network.refused", summary="refused", at=AT, about="db", weight=0.95
    )
    question = Question(
        at=AT, calls=GRAPH, findings=[refused], series=[busy("worker")], target="web"
    )
    assert {one.service for one in blamed(CASE, refused.code, question)} == {"db"}


@pytest.mark.parametrize(
    ("code", "named"),
    [("exit.app-error", set[str]()), ("health.timeout", {"db"})],
)
def test_an_own_error_is_not_put_down_to_figures(code: str, named: set[str]) -> None:
    own = Told(service="web", code=code, summary="it failed", at=AT)
    question = Question(at=AT, calls=GRAPH, findings=[own], series=[busy("db")], target="web")
    assert {one.service for one in blamed(CASE, code, question)} == named
    down = Told(service="db", code="exit.killed", summary="killed", at=AT - 5, weight=0.95)
    known = replace(question, findings=[own, down])
    assert {one.service for one in blamed(CASE, code, known)} == {"db"}


def test_what_was_counted_is_told_first() -> None:
    findings, causes = diagnose(CASE)
    suspects = [
        Suspect(service="worker", metric="threads", score=0.9, reasons=("threads rose",)),
        Suspect(service="worker", metric="connections", score=0.8, reasons=("it holds 19 of 20",)),
        Suspect(service="worker", metric="cpu_us", score=0.2, reasons=("hardly worth a word",)),
    ]
    found, (first, *_) = with_blame(findings, causes, suspects)
    assert first.summary.endswith("; it comes from worker: it holds 19 of 20")
    told = [one.text for finding in found for one in finding.evidence if one.source == "history"]
    assert told == ["it holds 19 of 20", "threads rose"]
