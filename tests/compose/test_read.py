"""YAML as Compose understands it, with the place of every key."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tabib.compose import scalars, schema
from tabib.compose.extension import plain
from tabib.compose.problems import Problems, Stop
from tabib.compose.read import decode, documents
from tabib.compose.tree import Mark, mark_at


def read(text: str) -> tuple[Any, Problems]:
    problems = Problems()
    try:
        found = list(documents(text, "f", problems))
    except Stop:
        return None, problems
    return (found[0] if len(found) == 1 else found), problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("True", True), ("22:22", "22:22"), ("0444", 0o444),
        ("0o17", 15), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("089", 89.0), ("1.10", 1.1),
        ("1e3", 1000.0), (".5", 0.5), ("~", None), ("null", None), ("'1'", "1"),
        ("!!str 1", "1"), ("!unknown 1", "1"), ("!!float 1", 1.0), (".inf", math.inf),
        ("-", [None]),
        (".5_0", 0.5), ("._5", "._5"), ("2001-02-30", "2001-02-30"), ("!!foo 1", "1"),
        ("2001-01-01T00:00:00", "2001-01-01T00:00:00"), ("2001-01-01 0:0:0Z", "2001-01-01 0:0:0Z"),
        ("!!binary aGk=", "hi"), (r'"\'"', "'"), ("- <<", ["<<"]),
        ("+1", 1), ("-0x10", -16), ("9" * 30, 1e30), ("=", "="), ("1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_scalars(text: str, value: object) -> None:
    found, problems = read(text)
    assert not problems.found
    assert found == value
    assert type(found) is type(value) or isinstance(value, list)


def test_every_key_and_item_has_its_place() -> None:
    tree, _ = read("a:\n  b: [x, y]\n  c:\n    - d: 1\n")
    assert mark_at(tree, ("a",)) == Mark("f", 1, 1)
    assert mark_at(tree, ("a", "b", 1)) == Mark("f", 2, 10)
    assert mark_at(tree, ("a", "c", 0, "d")) == Mark("f", 4, 7)
    assert mark_at(tree, ("a", "c", 0, "unknown")) == Mark("f", 4, 7)


def test_merge_keys() -> None:
    tree, problems = read(
        "base: &b {x: 1, y: 1}\nmore: &m {y: 2, z: 2}\n"
        "use: {y: 0, <<: [*b, *m]}\none: {<<: *m, z: 9}\n"
    )
    assert not problems.found
    assert tree["use"] == {"y": 0, "x": 1, "z": 2}
    assert tree["one"] == {"z": 9, "y": 2}
    assert mark_at(tree, ("use", "x")).line == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "the key 'a' is already there in line 1"),
        ("1: x\n", "a key must be text"),
        ("{a: 1}: x\n", "a key must be text"),
        ("a: {<<: 1}\n", "'<<' takes a mapping or a list of mappings"),
        ("a: {<<: {}, <<: {}}\n", "the key '<<' is already there"),
        ("a: *b\n", "unknown anchor 'b'"),
        ('a: "\\/"\n', "'\\/' is no escape of YAML 1.1: write '/'"),
        ("%YAML 1.2\n---\na: 1\n", "only %YAML 1.1 can be read"),
        ("a: !!int x\n", "'x' is not a !!int"),
    ],
)
def test_refused(text: str, message: str) -> None:
    _, problems = read(text)
    assert [problem.message for problem in problems.found] == [message]


def test_a_date_is_fine_in_an_extension() -> None:
    tree, problems = read("x-made: {on: 2026-01-02, at: 2026-1-2 3:4:5.60}\nservices: {}\n")
    schema.validate(tree, problems)
    assert not problems.found
    at = {"on": "2026-01-02T00:00:00Z", "at": "2026-01-02T03:04:05.6Z"}
    assert plain(tree)["x-made"] == at


def test_a_date_is_nothing_for_a_field() -> None:
    """Wherever it comes from: the anchor of an extension, too."""
    text = "x-e: &e {D: 2026-01-02}\nservices:\n  a:\n    environment:\n      <<: *e\n"
    tree, problems = read(text)
    schema.validate(tree, problems)
    [problem] = problems.found
    assert problem.message == "'2026-01-02' is a date in YAML"
    assert (problem.path, problem.mark.line) == ("services.a.environment.D", 1)


def test_several_documents() -> None:
    found, _ = read("a: 1\n---\nb: 2\n")
    assert found == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(coding: str) -> None:
    assert decode("a: ü".encode(coding), "f", Problems()) == "a: ü"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5s", "5s"), ("80:80", "80:80"), ("1e", "1e"), ("0x1f", 31), ("0b11", 3), ("1.", 1.0),
        ("1_000", 1000), ("1_", 1), ("-7", -7), ("1e3", 1000.0), ("2024-05", "2024-05"),
        ("1.2.3", "1.2.3"), ("+", "+"), ("-", "-"), ("0o17", 15), ("1f", "1f"), ("0x", "0x"),
    ],
)  # fmt: skip
def test_what_begins_like_a_number(text: str, value: object) -> None:
    found = scalars.plain(text)
    assert (found, type(found)) == (value, type(value))
