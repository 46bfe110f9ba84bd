"""Levels, stack traces and templates of lines as real programs write them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decide.log_samples import LEVELS, TRACES
from tabib.decide.log_levels import level_of
from tabib.decide.log_masks import TEMPLATE_CHARACTERS, template_of
from tabib.decide.log_patterns import MORE, PATTERNS, LogPatterns
from tabib.model.kept_log import KeptLine, LogPattern

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("level", "line"), LEVELS)
def test_level(level: str, line: str) -> None:
    assert level_of(line) == level


def lines(text: str, stream: str = "stderr") -> list[KeptLine]:
    return [
        KeptLine(
            engine_id="e",
            container_id="c",
            at=NOON + timedelta(milliseconds=number),
            stream=stream,
            text=one,
        )
        for number, one in enumerate(text.split("\n"))
    ]


def patterns(text: str) -> list[LogPattern]:
    found = LogPatterns()
    found.feed(lines(text))
    return found.flush()


@pytest.mark.parametrize("name", TRACES)
def test_traces_are_joined(name: str) -> None:
    text, expected = TRACES[name]
    found = patterns(text)
    assert [
        (one.level, one.count, one.template, one.example.count("\n") + 1) for one in found
    ] == expected


def test_streams_that_are_interleaved_keep_their_traces() -> None:
    trace = lines(TRACES["python_chained"][0])
    talk = lines("GET / 200\n" * len(trace), "stdout")
    found = LogPatterns()
    for one, other in zip(trace, talk, strict=False):
        found.feed([one, other])
    (pattern,) = found.flush()
    assert pattern.example.startswith("Traceback")
    assert "ValueError: order 17 is bad" in pattern.example


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_trace_may_come_in_two_readings(cut: int) -> None:
    whole = lines(TRACES["python_chained"][0])
    found = LogPatterns()
    found.feed(whole[:cut])
    assert found.flush(whole[cut - 1].at) == []
    found.feed(whole[cut:])
    (pattern,) = found.flush()
    assert pattern.template == "ValueError: order <n> is bad | /app/b.py in main"


def test_counts_are_flushed_once_and_remembered() -> None:
    found = LogPatterns()
    found.feed(lines("ERROR order 1 failed\nERROR order 2 failed\nfine"))
    (first,) = found.flush()
    assert (first.count, first.example) == (2, "ERROR order 1 failed")
    assert (first.first_at, first.last_at) == (NOON, NOON + timedelta(milliseconds=1))
    assert found.flush() == []
    found.feed(lines("ERROR order 3 failed"))
    assert [one.count for one in found.flush()] == [1]
    assert [one.count for one in found.all()] == [3]


def test_there_are_only_so_many_patterns() -> None:
    found = LogPatterns()
    words = [f"{chr(97 + n // 676)}{chr(97 + n // 26 % 26)}{chr(97 + n % 26)}" for n in range(400)]
    found.feed(lines("\n".join(f"ERROR {word} broke" for word in words)))
    counted = found.flush()
    assert len(counted) == PATTERNS + 1
    assert {one.template: one.count for one in counted}[MORE] == 400 - PATTERNS


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("2026-05-04T12:00:00.123Z ERROR user 42 gone", "ERROR user <n> gone"),
        ("May  4 12:00:00 host app[123]: error: x", "host app[<n>]: error: x"),
        ("error 10.1.2.3:5432 and [::1]:80 and fe80:0:0:1::2", "error <ip> and <ip> and <ip>"),
        ("mail to ann.b@example.com failed", "mail to <email> failed"),
        ("GET /orders/1234/items/7f3b0e1a99aa failed", "GET /orders/<n>/items/<hex> failed"),
        ("id 123e4567-e89b-42d3-a456-426614174000 at 0xc000010", "id <uuid> at <hex>"),
        ("took 1.52 s of 30 s for 'a b'", "took <n> s of <n> s for '<text>'"),
        ('level=error msg="order 5 failed" id=9', "order <n> failed"),
        ("can't open don't", "can't open don't"),
    ],
)
def test_template(line: str, template: str) -> None:
    assert template_of(line) == template


HOSTILE = [
    "E" * 16384,
    "error " * 2731,
    "a." * 8192,
    "at " * 5461,
    '"' * 16384,
    "'" * 16384,
    "a@" * 8192,
    "1-" * 8192,
    "1:" * 8192,
    "a1_" * 5461,
    " " * 16384,
    "\t" * 16384,
    "(" * 16384,
    "x(" * 8192,
    "<3>" * 5461,
    '{"level":' * 1820,
    "\x1b[" * 8192,
    "Exception" * 1820,
    "00000000-" * 1820,
    "[" + ":" * 16383,
    'msg="' + "\\" * 16000,
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_lines_cost_no_more_than_honest_ones(number: int) -> None:
    text = HOSTILE[number]
    found = LogPatterns()
    begun = time.process_time()
    for prefix in ("", "ERROR ", "Traceback (most recent call last):", "panic: ", "  ", "a:1:in `"):
        found.feed(lines(f"ERROR head\n{prefix}{text}\nErr{text}"))
    found.flush()
    assert time.process_time() - begun < 0.25


@given(st.lists(st.text(), max_size=20))
def test_any_text_is_taken(texts: list[str]) -> None:
    found = LogPatterns()
    found.feed(lines("\n".join(texts)))
    for one in found.flush():
        assert one.level in ("warning", "error", "fatal")
        assert 0 < len(one.template) <= TEMPLATE_CHARACTERS
        assert one.count >= 1
