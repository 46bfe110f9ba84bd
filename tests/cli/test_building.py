"""What the command line says of builds: arguments, output, and one line at the end."""

from __future__ import annotations

import pytest

from tabib.cli.interactive import environment_of
from tabib.cli.render.board import Board
from tabib.cli.render.summary import build_summary, transfer_summary
from tabib.model.errors import UsageError


def test_build_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "here")
    monkeypatch.delenv("NOWHERE", raising=False)
    found = environment_of(["A=1", "B=", "C=x=y", "TOKEN", "NOWHERE"], "--build-arg")
    assert found == {"A": "1", "B": "", "C": "x=y", "TOKEN": "here"}
    with pytest.raises(UsageError):
        environment_of(["=x"], "--build-arg")


PLAN = {"type": "plan", "steps": [{"id": "b", "verb": "build_image", "subject": "image x"}]}


def progress(text: str) -> dict[str, object]:
    return {"type": "progress", "id": "b", "subject": "x", "text": text}


def test_each_instruction_is_news_once() -> None:
    board = Board()
    board.apply(PLAN, 0)
    changes = [board.apply(progress(text), 0)[0] for text in ("1/2 FROM a", "1/2 FROM a", "2/2 X")]
    assert [(one.kind, one.text) for one in changes] == [
        ("step", "1/2 FROM a"),
        ("progress", "1/2 FROM a"),
        ("step", "2/2 X"),
    ]
    assert [(row.group, row.subject) for row in board.ordered()] == [("image", "x")]


def test_what_a_build_writes_is_shown_only_where_it_was_asked_for() -> None:
    line = {"type": "output", "id": "b", "subject": "image x", "text": "hello"}
    assert Board().apply(line, 0) == []
    [shown] = Board(shows_output=True).apply(line, 0)
    assert shown.text == "x │ hello"


def test_the_last_line() -> None:
    done = {"images": {"a": {}, "b": {}}, "seconds": 6.2, "pushed": ["a"], "project": "p"}
    assert build_summary(done) == "2 images built in 6.2 s, 1 pushed"
    assert "anything to build" in build_summary({"images": {}, "project": "p"})
    told = {"images": {"a": "1"}, "seconds": 1, "skipped": {"b": "why"}, "failed": {"c": "x"}}
    assert transfer_summary("pull", told) == [
        "b: left out: why",
        "1 image pulled in 1.0 s, 1 failed",
    ]
