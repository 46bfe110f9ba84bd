"""Incidents on the screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cli.conftest import Tabib
from support.protocol import ProtocolServer, of_stream
from tabib.cli.commands.incidents import recent
from tabib.cli.console import Console
from tabib.cli.render.incident import healed_in, incident_page, incident_table
from tabib.model.errors import Refused

INCIDENT: dict[str, Any] = {
    "id": "7f3a01",
    "opened_at": "2026-11-23T07:00:00Z",
    "closed_at": "2026-11-23T07:00:12Z",
    "cluster": "default",
    "project": "shop",
    "service": "api",
    "container": "shop-api-1",
    "severity": "error",
    "cause": {"code": "exit.killed", "summary": "its main process was killed by SIGKILL",
              "confidence": 0.9},
    "causes": [
        {"code": "exit.killed", "summary": "its main process was killed by SIGKILL",
         "confidence": 0.9},
        {"code": "memory.child-oom", "summary": "a child ran out of memory", "confidence": 0.2},
    ],
    "findings": [
        {"code": "exit.killed", "severity": "error", "summary": "exit code 137",
         "evidence": [{"source": "event", "text": "die, exit code 137", "at": None},
                      {"source": "absent", "text": "no health log", "at": None}]},
    ],
    "treatments": [
        {"action": "start", "reason": "it is meant to run", "outcome": "verified",
         "started_at": "2026-11-23T07:00:01Z", "ended_at": "2026-11-23T07:00:03.5Z"},
    ],
    "outcome": "recovered",
    "rpo_seconds": None,
    "rto_seconds": 12.0,
    "advice": "Give it a memory limit.",
}  # fmt: skip
CASE = {"id": "c1", "log_tail": ["request 41", "request 42"], "absent": ["health log: none kept"]}


def test_the_page_answers_six_questions() -> None:
    page = incident_page(INCIDENT, [CASE], Console("never"))
    text = "\n".join(page)
    assert page[0] == "shop/api: its main process was killed by SIGKILL"  # what broke
    assert page[1].startswith("recovered, healed in 12 s; it began 2026-11-23")  # since when
    assert page[1].endswith("(shop-api-1)")
    assert page[3] == "Why"
    assert "exit.killed, 90% sure" in page[4]
    assert page[5].startswith("  or: a child ran out of memory")
    assert "  · event: die, exit code 137" in page  # the evidence
    assert "started it: ✔ it helped (2.5 s)" in text  # what was done, and whether it worked
    assert "because it is meant to run" in text
    assert "  Give it a memory limit." in page  # what is left
    assert "  │ request 42" in page
    assert "could not be had: health log: none kept" in page[-1]
    assert "no health log" not in text
    assert len(page) <= 24  # thirty seconds


def test_an_open_incident_without_treatments() -> None:
    row = INCIDENT | {"outcome": "needs_human", "closed_at": None, "rto_seconds": None,
                      "treatments": [], "causes": []}  # fmt: skip
    text = "\n".join(incident_page(row, [], Console("never")))
    assert "needs you, since 2026-11-23" in text
    assert "What tabib did\n  nothing" in text
    assert "healed" not in text
    assert healed_in(row) is None


def test_table_and_json(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/incidents", [INCIDENT])
    assert tabib("-p", "shop", "incidents", "--all", "--json").json == [INCIDENT]
    assert daemon.to("GET /v1/incidents")[0].query["project"] == ["shop"]
    cells = tabib("-p", "shop", "incidents", "-a").out.splitlines()[1].split()
    assert cells[0] == "7f3a01"
    assert cells[3:7] == ["shop/api", "recovered", "12", "s"]
    daemon.on("GET /v1/incidents", [])
    nothing = tabib("-p", "shop", "incidents")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no incidents in shop\n")


def test_one_incident(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/incidents/7f3a", {"incident": INCIDENT, "cases": [CASE]})
    assert "Give it a memory limit." in tabib("incident", "7f3a").out
    assert tabib("incident", "7f3a", "--json").json == INCIDENT
    assert tabib("incident", "7f3a", "--case").json == CASE
    assert tabib("incident", "nope").code == 2


def test_only_the_last_week_and_what_wants_attention() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    old = (now - timedelta(days=30)).isoformat()
    new = (now - timedelta(days=3)).isoformat()
    rows = [
        {"id": 1, "outcome": "recovered", "opened_at": old},
        {"id": 2, "outcome": "needs_human", "opened_at": old},
        {"id": 3, "outcome": "recovered", "opened_at": new},
    ]
    assert [row["id"] for row in recent(rows, now)] == [2, 3]


def test_what_is_explained_stands_under_what_explains_it() -> None:
    rows = [
        INCIDENT | {"id": "w1", "service": "web", "parent": "d1"},
        INCIDENT | {"id": "x1", "service": "other"},
        INCIDENT | {"id": "d1", "service": "db", "reopened": 3},
        INCIDENT | {"id": "a1", "service": "api", "parent": "d1"},
        INCIDENT | {"id": "o1", "service": "orphan", "parent": "gone"},
    ]
    lines = incident_table(rows, Console("never"))[1:]
    assert [line.split()[0] for line in lines] == ["x1", "d1", "w1", "a1", "o1"]
    assert "├ shop/web" in lines[2]
    assert "└ shop/api" in lines[3]
    assert "flapping, 4 times: its main process" in lines[1]


def test_the_page_of_a_symptom_names_its_cause_and_the_other_way_round() -> None:
    cause = INCIDENT["cause"] | {"service": "db"}
    child = INCIDENT | {"id": "a1", "parent": "d1", "cause": cause}
    page = incident_page(child, [], Console("never"))
    assert "  the trouble comes from db (tabib incident d1)" in page
    above = incident_page(INCIDENT | {"service": "db"}, [], Console("never"), [child])
    assert any(line.startswith("  shop/api (a1), recovered: its main") for line in above)


def test_what_is_offered_is_said_as_a_command() -> None:
    offer = {"action": "rollback", "reason": "care is `advise`", "outcome": "offered"}
    row = INCIDENT | {"outcome": "needs_human", "closed_at": None, "treatments": [offer]}
    text = "\n".join(incident_page(row, [], Console("never")))
    assert "go back to the last good release: → waits for you" in text
    assert "`tabib incident 7f3a01 --treat`" in text


def test_a_long_story_has_its_timeline() -> None:
    moments = [
        {"at": f"2026-11-23T07:00:{n:02}Z", "kind": "note", "text": f"m{n}"} for n in range(14)
    ]
    text = "\n".join(incident_page(INCIDENT | {"timeline": moments}, [], Console("never")))
    assert "What happened when\n  … 2 earlier moments: --json\n" in text
    assert "m13" in text
    assert "m1\n" not in text
    short = incident_page(INCIDENT | {"timeline": moments[:4]}, [], Console("never"))
    assert "What happened when" not in short


def test_a_person_treats_undoes_and_closes(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/incidents/7f3a", {"incident": INCIDENT, "cases": [], "children": []})
    result = [{"type": "result", "incident": INCIDENT}]
    daemon.on("POST /v1/incidents/7f3a/treat", of_stream(*result))
    daemon.on("POST /v1/incidents/7f3a/undo", of_stream(*result))
    daemon.on("POST /v1/incidents/7f3a/close", {"incident": INCIDENT})
    assert tabib("incident", "7f3a", "--treat", "--json").json == INCIDENT
    assert "What is left" in tabib("incident", "7f3a", "--undo").out
    assert tabib("incident", "7f3a", "--close", "--reason", "known").code == 0
    (closed,) = daemon.to("POST /v1/incidents/7f3a/close")
    assert closed.json["reason"] == "known"
    assert closed.json["by"].startswith("ada@")
    for words in (("--treat", "--undo"), ("--reason", "x"), ("--close", "--case")):
        done = tabib("incident", "7f3a", *words)
        assert (done.code, done.out) == (2, "")


def test_a_refusal_is_told_with_its_exit_code(tabib: Tabib, daemon: ProtocolServer) -> None:
    refused = Refused("nothing is offered for it", attempted="treat incident", target="7f3a")
    message = {"type": "error", "error": refused.to_wire()}
    daemon.on("POST /v1/incidents/7f3a/treat", of_stream(message))
    done = tabib("incident", "7f3a", "--treat")
    assert done.code == 3
    assert "nothing is offered for it" in done.err


def test_since_and_project(tabib: Tabib, daemon: ProtocolServer) -> None:
    old = INCIDENT | {"opened_at": "2020-01-01T00:00:00Z"}
    daemon.on("GET /v1/incidents", [old])
    assert tabib("incidents", "--project", "shop", "--since", "2020-01-01", "--json").json == [old]
    query = daemon.to("GET /v1/incidents")[0].query
    assert query["project"] == ["shop"]
    assert query["since"][0].startswith("20")
