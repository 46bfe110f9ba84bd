"""The dialect of ``.env`` files."""

from __future__ import annotations

import pytest

from tabib.compose import dotenv

KNOWN = {"OUTER": "outer"}


def parse(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    dotenv.parse(text, values, KNOWN.get)
    return values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# only\n\n  # comments\n", {}),
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("  A  =  1  \n", {"A": "1"}),
        ("A: 1\n", {"A": "1"}),
        ("export A=1\n", {"A": "1"}),
        ("A=x # comment\nB=x#y\n", {"A": "x", "B": "x#y"}),
        ("A=\nB=''\n", {"A": "", "B": ""}),
        ("A='$OUTER \\n'\n", {"A": "$OUTER \\n"}),
        ('A="$OUTER\\n"\n', {"A": "outer\n"}),
        ('A="a\\"b"\n', {"A": 'a"b'}),
        ("A='a\\'b'\n", {"A": "a'b"}),
        ('A="one\ntwo"\nB=3\n', {"A": "one\ntwo", "B": "3"}),
        ('A="\\$OUTER $$OUTER"\n', {"A": "$OUTER $OUTER"}),
        ("A=1\nB=${A}${OUTER}${NONE:-x}\n", {"A": "1", "B": "1outerx"}),
        ("OUTER\nUNKNOWN\nB=1\n", {"OUTER": "outer", "B": "1"}),
        ("A.b-c[0]=1\n", {"A.b-c[0]": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ('A="\\0101"\n', {"A": "A"}),
    ],
)
def test_parse(text: str, expected: dict[str, str]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nB@=2\n", 2), ("A B=1\n", 1), ('A=1\n\nB="open\n', 3), ("A=${\n", 1), ("A=${B:?no}", 1)],
)
def test_bad_lines_are_counted(text: str, line: int) -> None:
    with pytest.raises(dotenv.DotenvError) as caught:
        parse(text)
    assert caught.value.line == line


def test_raw_takes_everything_literally() -> None:
    values: dict[str, str] = {}
    dotenv.parse_raw('A="$OUTER" # x\n# no\n\nOUTER\nNONE\nB=\n', values, KNOWN.get)
    assert values == {"A": '"$OUTER" # x', "OUTER": "outer", "B": ""}
