"""``tabib report``: what is asked of the daemon, and where the answer goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Tabib
from support.protocol import Answer, Asked, ProtocolServer


def answer(asked: Asked) -> Answer:
    """What was asked for, in its format."""
    form = asked.query["format"][0]
    texts = {"html": "<!DOCTYPE html>–", "md": "## shop/api\n", "json": '{"incident":{"id":"7"}}'}
    return Answer([texts[form].encode()], kind="text/plain")


@pytest.fixture(autouse=True)
def _routes(daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/incidents/7f3a/report", answer)
    daemon.on("GET /v1/report", answer)


def test_an_incident_is_printed_or_written(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    assert tabib("report", "7f3a").out == "## shop/api\n"
    assert tabib("report", "7f3a", "--format", "html").out == "<!DOCTYPE html>–"
    assert tabib("report", "7f3a", "--json").json == {"incident": {"id": "7"}}
    done = tabib("report", "7f3a", "-o", "a.html")
    assert (done.code, done.out, done.err) == (0, "", "wrote a.html\n")
    assert (project / "a.html").read_text("utf-8") == "<!DOCTYPE html>–"
    assert tabib("report", "7f3a", "-o", "b.json").code == 0
    assert (project / "b.json").read_text().startswith("{\n")
    assert tabib("report", "7f3a", "-o", "c.txt").code == 0
    assert (project / "c.txt").read_text() == "## shop/api\n"
    forms = [one.query["format"] for one in daemon.to("GET /v1/incidents/7f3a/report")]
    assert forms == [["md"], ["html"], ["json"], ["html"], ["json"], ["md"]]


def test_days_of_the_project_here_of_another_and_of_all(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    since = "2030-01-01T00:00:00Z"
    assert tabib("report", "--since", since).code == 0
    assert tabib("report", "--project", "other", "--since", since, "--until", since).code == 0
    assert tabib("report", "--all").code == 0
    here, other, every = (one.query for one in daemon.to("GET /v1/report"))
    assert (here["project"], here["since"]) == (["shop"], [since])
    assert "until" not in here
    assert (other["project"], other["until"]) == (["other"], [since])
    assert "project" not in every
    assert every["since"]


@pytest.mark.parametrize(
    "words",
    [
        ["7f3a", "--project", "shop"],
        ["7f3a", "--since", "1d"],
        ["--project", "shop", "--all"],
        ["7f3a", "--json", "--format", "md"],
        ["7f3a", "--format", "pdf"],
        ["7f3a", "-o", "/nowhere/x.html"],
        ["--since", "yesterday"],
    ],
)
def test_what_excludes_each_other(words: list[str], tabib: Tabib, project: Path) -> None:
    done = tabib("report", *words)
    assert done.code == 2
    assert done.out == ""
    assert "Traceback" not in done.err


def test_an_incident_that_is_not_there(tabib: Tabib, project: Path) -> None:
    assert tabib("report", "none").code == 2
