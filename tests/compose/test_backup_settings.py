"""``x-tabib.backup``: its forms, its mistakes with their places, and never its secrets."""

from __future__ import annotations

from typing import Any

import pytest

from compose.memory import load_text
from tabib.compose.backup import backup_settings
from tabib.model.errors import ConfigError

CANARY = "canary-4711"
LONG = {
    "schedule": "0 3 * * *",
    "timezone": "Europe/Berlin",
    "keep": {"daily": 7, "within_days": 1.5},
    "repositories": [
        {"url": "/mnt/nas"},
        {
            "url": "s3:https://s3.example.com/b",
            "environment": {"AWS_ACCESS_KEY_ID": "id"},
            "append_only": True,
            "limit_upload": 2048,
        },
    ],
    "method": "pause",
    "together": True,
    "drill": {"schedule": ""},
    "exclude": ["*.tmp", "cache"],
    "include": ["/srv/photos"],
    "hooks": {"before": "sync", "after": "true"},
    "before_change": "try",
}


def read(value: Any, *, service: bool = True) -> tuple[Any, list[str]]:
    wrong: list[str] = []
    found = backup_settings(
        value, lambda path, message, hint: wrong.append(f"{path} {message} {hint}"), service=service
    )
    return found, wrong


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("no", False),
        ({"schedule": "@daily"}, {"schedule": "0 0 * * *"}),
        ({"schedule": False}, {"schedule": ""}),
        ({"schedule": "never"}, {"schedule": ""}),
        ({"drill": False}, {"drill": {"schedule": ""}}),
        ({"drill": "0 5 * * 0"}, {"drill": {"schedule": "0 5 * * 0"}}),
        ({"repository": "/mnt/nas"}, {"repositories": [{"url": "/mnt/nas"}]}),
        ({"repository": "${UNSET}"}, {"repositories": []}),
        ({"before": "sync"}, {"hooks": {"before": "sync"}}),
        ({"exclude": "a, *.log"}, {"exclude": ["a", "*.log"]}),
        ({"keep": {"daily": "3"}, "together": "yes"}, {"keep": {"daily": 3}, "together": True}),
        ({"repository": {"url": "/a", "limit_upload": "2m"}},
         {"repositories": [{"url": "/a", "limit_upload": 2048}]}),
        (LONG, LONG),
    ],
)  # fmt: skip
def test_forms(value: Any, expected: Any) -> None:
    assert read(value) == (expected, [])
    assert read(expected) == (expected, [])


@pytest.mark.parametrize(
    ("backup", "path", "column", "words"),
    [
        ("{shedule: x}", "x-tabib.backup.shedule", 12, "did you mean 'schedule'"),
        ('{schedule: "61 * * * *"}', "x-tabib.backup.schedule", 12, "is no schedule: bad minute"),
        ('{schedule: "0 3 * *"}', "x-tabib.backup.schedule", 12, "five fields"),
        ("{keep: {dayly: 1}}", "x-tabib.backup.keep.dayly", 19, "did you mean 'daily'"),
        ("{keep: {daily: -1}}", "x-tabib.backup.keep.daily", 19, "a number from 0"),
        ("{keep: {daily: 0}}", "x-tabib.backup.keep", 12, "keeps nothing"),
        ("{method: paus}", "x-tabib.backup.method", 12, "did you mean 'pause'"),
        ("{timezone: Europe/Belin}", "x-tabib.backup.timezone", 12, "did you mean 'Europe/Berlin'"),
        ("{before_change: always}", "x-tabib.backup.before_change", 12, "must be one of require"),
        ("{hooks: {before: x}}", "x-tabib.backup.hooks", 12, "belongs to a service"),
        ("{drill: {schedul: x}}", "x-tabib.backup.drill.schedul", 20, "did you mean 'schedule'"),
        (f"{{repository: 'x:/{CANARY}'}}", "x-tabib.backup.repository", 12, "is no repository"),
        (f"{{repositories: [{{urls: {CANARY}}}]}}", "x-tabib.backup.repositories[0].urls", 28,
         "did you mean 'url'"),
        (f"{{repository: {{url: /a, environment: {{'1': {CANARY}}}}}}}",
         "x-tabib.backup.repository.environment.1", 0, "is no name of a variable"),
        ("5", "x-tabib.backup", 3, "must be true, false or a mapping"),
    ],
)  # fmt: skip
def test_mistakes_have_their_place_and_show_no_secret(
    backup: str, path: str, column: int, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"services:\n  a:\n    image: x\nx-tabib:\n  backup: {backup}\n")
    (problem,) = caught.value.details["problems"]
    assert problem["path"] == path
    assert (problem["line"], problem["column"]) == (5, column or problem["column"])
    assert words in f"{problem['message']} {problem['suggestion']}"
    assert CANARY not in f"{caught.value} {caught.value.details}"


def test_labels_and_both_levels() -> None:
    project = load_text("""
services:
  db:
    image: x
    x-tabib: {backup: {method: stop}}
    labels: {tabib.backup.before: sync, tabib.backup.keep.daily: "3"}
  web:
    image: x
    labels: {tabib.backup: "false"}
  other: {image: x}
x-tabib: {backup: {schedule: "0 4 * * *"}}
""")
    found = {name: one.extension.get("backup") for name, one in project.services.items()}
    assert found["db"] == {
        "schedule": "0 4 * * *",
        "method": "stop",
        "hooks": {"before": "sync"},
        "keep": {"daily": 3},
    }
    assert found["web"] is False
    assert found["other"] == {"schedule": "0 4 * * *"}
