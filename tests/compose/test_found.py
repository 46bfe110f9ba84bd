"""What fuzzing found: each of these once ended in something other than an answer."""

from __future__ import annotations

from compose.memory import load_text


def test_the_merge_key_is_a_text_where_no_key_stands() -> None:
    project = load_text("services: {a: {image: x, command: [<<, -c], labels: {a: <<}}}\n")
    assert project.services["a"].spec["command"] == ["<<", "-c"]
    assert project.services["a"].spec["labels"] == {"a": "<<"}
