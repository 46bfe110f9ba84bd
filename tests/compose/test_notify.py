"""``x-tabib.notify``: its forms, its mistakes with their places, and never its secrets."""

from __future__ import annotations

from typing import Any

import pytest

from compose.memory import load_files, load_text
from tabib.compose.notify import notify_rules
from tabib.model.errors import ConfigError
from tabib.operations.notifying.rules import written_rules

CANARY = "canary9f3ac17e"


def read(value: Any) -> list[dict[str, Any]]:
    wrong: list[str] = []
    found = notify_rules(value, lambda path, message, hint: wrong.append(message))
    assert wrong == []
    return found


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("json://a", ["json://a"]),
        ("json://a?to=b,c , form://d", ["json://a?to=b,c", "form://d"]),
        (["json://a", {"url": "form://b"}], ["json://a", "form://b"]),
        ({"url": "json://a"}, ["json://a"]),
        (["", "json://a", {"url": ""}], ["json://a"]),
        ([], []),
        ("", []),
    ],
)
def test_its_forms(value: Any, urls: list[str]) -> None:
    found = read(value)
    assert [rule["url"] for rule in found] == urls
    assert read(found) == found


def test_the_long_form_is_kept_as_it_was_said() -> None:
    said = {
        "url": "json://a", "min_severity": "critical", "on": "open, recovery",
        "quiet_hours": "22:00-07:00", "timezone": "Europe/Berlin",
    }  # fmt: skip
    assert read([said]) == [{**said, "on": ["open", "recovery"]}]


@pytest.mark.parametrize(
    ("notify", "path", "column", "words"),
    [
        (f'["tgram:/{CANARY}"]', "x-tabib.notify[0]", 12, "is no URL"),
        (f"[{{url: json://{CANARY}, min_severty: error}}]", "x-tabib.notify[0].min_severty", 41,
         "did you mean 'min_severity'?"),
        (f"[{{url: json://{CANARY}, min_severity: eror}}]", "x-tabib.notify[0].min_severity", 41,
         "did you mean 'error'?"),
        (f"[{{url: json://{CANARY}, timezone: Europe/Belin}}]", "x-tabib.notify[0].timezone", 41,
         "did you mean 'Europe/Berlin'?"),
        (f"[{{url: json://{CANARY}, quiet_hours: 22-7}}]", "x-tabib.notify[0].quiet_hours", 41,
         "22:00-07:00"),
        (f"[{{url: json://{CANARY}, on: [opens]}}]", "x-tabib.notify[0].on", 41,
         "did you mean 'open'?"),
        ("[{on: [open]}]", "x-tabib.notify[0]", 12, "has no url"),
        ("5", "x-tabib.notify", 3, "must be a list"),
    ],
)  # fmt: skip
def test_mistakes_have_their_place_and_no_secret(
    notify: str, path: str, column: int, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"services:\n  a:\n    image: x\nx-tabib:\n  notify: {notify}\n")
    [problem] = caught.value.details["problems"]
    assert (problem["path"], problem["line"], problem["column"]) == (path, 5, column)
    assert words in str(caught.value)
    assert CANARY not in str(caught.value) + str(caught.value.details)


def test_urls_come_from_the_environment_file_and_their_places_are_known() -> None:
    text = "services: {a: {image: x}}\nx-tabib:\n  notify:\n    - ${HOOK}\n    - json://b\n"
    project = load_files({"compose.yaml": text, ".env": f"HOOK=json://{CANARY}\n"})
    assert [rule.url for rule in written_rules(project)[""]] == [f"json://{CANARY}", "json://b"]
    assert project.places == {
        "x-tabib.notify[0]": "/project/compose.yaml:4:7",
        "x-tabib.notify[1]": "/project/compose.yaml:5:7",
    }


def test_a_service_may_have_its_own() -> None:
    project = load_text(
        "x-tabib: {notify: [json://p]}\nservices:\n"
        "  a: {image: x}\n  b: {image: x, x-tabib: {notify: [json://b]}}\n"
        "  c: {image: x, x-tabib: {notify: []}}\n"
    )
    found = {name: [rule.url for rule in some] for name, some in written_rules(project).items()}
    assert found == {"": ["json://p"], "b": ["json://b"], "c": []}
