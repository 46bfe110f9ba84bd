"""Redaction: a known secret never survives, what looks like one neither, and the rest stays."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.redact import (
    MINIMUM_LENGTH,
    Redactor,
    argument_secrets,
    is_secret_option,
    looks_secret,
    redact,
    secret_values,
)

TRIVIAL = {"true", "false", "none", "null", "yes", "enabled", "disabled", "default"}


def _is_worth_hiding(value: str) -> bool:
    return len(value.strip()) >= MINIMUM_LENGTH and value.strip().lower() not in TRIVIAL


NARROW = st.text(alphabet="ab*•█▒#×\n ", min_size=MINIMUM_LENGTH, max_size=8)
WIDE = st.text(min_size=MINIMUM_LENGTH, max_size=30)
SECRET = st.one_of(NARROW, WIDE).filter(_is_worth_hiding)
AROUND = st.one_of(st.text(alphabet="ab*•█▒#×\n =:\"'@/", max_size=30), st.text(max_size=40))


@st.composite
def planted(draw: st.DrawFn) -> tuple[list[str], str]:
    secrets = draw(st.lists(SECRET, min_size=1, max_size=4))
    pieces = [draw(AROUND)]
    for _ in range(draw(st.integers(1, 5))):
        pieces += [draw(st.sampled_from(secrets)), draw(AROUND)]
    return secrets, "".join(pieces)


@given(planted())
def test_a_planted_secret_never_survives(case: tuple[list[str], str]) -> None:
    secrets, text = case
    redacted = Redactor.knowing(secrets).text(text)
    assert [one for one in secrets if one in redacted] == []
    assert redacted.count("\n") == text.count("\n")


@given(planted())
def test_redacting_twice_finds_no_secret(case: tuple[list[str], str]) -> None:
    secrets, text = case
    redactor = Redactor.knowing(secrets)
    again = redactor.text(redactor.text(text))
    assert [one for one in secrets if one in again] == []


@given(SECRET, st.text(max_size=20))
def test_no_embedding_shows_it(secret: str, around: str) -> None:
    redactor = Redactor.knowing([secret])
    data = secret.encode("utf-8", "surrogatepass")
    for form in (
        json.dumps(secret)[1:-1],
        quote(data, safe=""),
        base64.b64encode(data).decode(),
        secret.strip(),
    ):
        assert form not in redactor.text(f"{around}{form}{around}")


@given(st.lists(st.text(max_size=40), max_size=6), st.lists(SECRET, max_size=3))
def test_lines_stay_lines(lines: list[str], secrets: list[str]) -> None:
    redacted = Redactor.knowing(secrets).lines(lines)
    assert len(redacted) == len(lines)
    joined = "\n".join(redacted)
    assert [one for one in secrets if one in joined] == []


@given(st.text(alphabet="abcdefghij .,;\n-", max_size=200))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("POSTGRES_PASSWORD=geheim next", "POSTGRES_PASSWORD=***** next"),
        ("DB_PASS=geheim", "DB_PASS=*****"),
        ('{"password": "two words", "user": "ana"}', '{"password": *****, "user": "ana"}'),
        ("token='a b' next", "token=***** next"),
        ("api-key: 12345, more", "api-key: *****, more"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer *****"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic *****"),
        ("curl -H 'Authorization: Token abc'", "curl -H 'Authorization: Token *****'"),
        ("sent bearer abcdefgh1234", "sent bearer *****"),
        ("postgres://ana:p%40ss@db:5432/shop", "postgres://ana:*****@db:5432/shop"),
        ("redis://:geheim@cache/0", "redis://:*****@cache/0"),
        ("redis-server --requirepass geheim --port 1", "redis-server --requirepass ***** --port 1"),
        ("key AKIAABCDEFGHIJKLMNOP used", "key ***** used"),
        ("pushed with ghp_abcdefghijklmnopqrstuvwx", "pushed with *****"),
        ("jwt eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl end", "jwt ***** end"),
    ],
)
def test_patterns(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "FATAL:  password authentication failed for user ana",
        "SyntaxError: Unexpected token: }",
        "POSTGRES_PASSWORD_FILE=/run/secrets/db",
        "--password-file /run/secrets/db",
        "GET http://web:8000/health HTTP/1.1 200",
        "compass: north",
        "2026-05-04 12:00:00 tokenizer loaded",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_helps_to_understand_stays(text: str) -> None:
    assert redact(text) == text


KEY_BLOCK = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEow", "IBAAKC", "-----END RSA PRIVATE KEY-----"]


def test_a_private_key_over_several_lines() -> None:
    lines = Redactor().lines(["before", *KEY_BLOCK, "after"])
    assert lines == ["before", "*****", "*****", "*****", "*****", "after"]


def test_a_cut_private_key() -> None:
    assert Redactor().lines(["x", *KEY_BLOCK[:3]]) == ["x", "*****", "*****", "*****"]


def test_overlapping_secrets_leave_no_tail() -> None:
    assert redact("xabcdefy", frozenset({"abcd", "cdef"})) == "x*****y"


def test_a_longer_secret_is_found_line_by_line() -> None:
    redactor = Redactor.knowing(["first line of it\nsecond line of it\n"])
    assert redactor.text("said: second line of it!") == "said: *****!"


def test_trees_and_command_lines() -> None:
    tree = {
        "Cmd": ["serve", "--password", "geheim", "--api-token=abc", "-v"],
        "Labels": {"api.token": "abc", "team": "shop uses hunter22"},
        "Pid": 7,
        "Log": [{"Output": "password=geheim"}, None],
    }
    assert Redactor.knowing(["hunter22"]).tree(tree) == {
        "Cmd": ["serve", "--password", "*****", "--api-token=*****", "-v"],
        "Labels": {"api.token": "*****", "team": "shop uses *****"},
        "Pid": 7,
        "Log": [{"Output": "password=*****"}, None],
    }


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ["PGPASSWORD", "DB_PASS", "API_KEY", "db.token", "accessToken"]),
        *((name, True) for name in ["SECRET_KEY_BASE", "AWS_SECRET_ACCESS_KEY", "passwords"]),
        *((name, False) for name in ["TOKENIZER", "COMPASS", "PASSENGERS", "KEYBOARD", "PATH"]),
        *((name, False) for name in ["POSTGRES_PASSWORD_FILE", "POSTGRES_USER"]),
    ],
)
def test_names(name: str, secret: bool) -> None:
    assert looks_secret(name) is secret
    assert is_secret_option(f"--{name}") is secret
    assert secret_values({name: "value", "A": "b"}) == ({"value"} if secret else set())
    assert secret_values([f"{name}=va=lue", "A=b", name]) == ({"va=lue"} if secret else set())


HOSTILE = [
    ("a", 64_000),
    ("password", 8_000),
    ("a:", 32_000),
    ("://", 20_000),
    ("--", 32_000),
    ("token ", 10_000),
    ("http://a:", 7_000),
    ("eyJ.", 16_000),
    ("-----BEGIN ", 6_000),
    ("a-", 32_000),
    ('\\"', 32_000),
    ("password=", 7_000),
    ("bearer ", 9_000),
]


@pytest.mark.parametrize(("piece", "count"), HOSTILE)
def test_hostile_text_costs_little(piece: str, count: int) -> None:
    text = f" --{piece * count}"
    started = time.process_time()
    redact(text)
    looks_secret(text)
    assert time.process_time() - started < 0.5


PIECES = st.sampled_from(
    [
        *("password", "pwd:", "pass", "api_key", "KEY", "ſecret=", "toKen", "Bearer ", "bearer"),
        *("Authorization:", "https://", "user:", "pw@host", "AKIAABCDEFGHIJKLMNOP", "eyJ"),
        *("ghp_", "abcdefghijklmnopqrstuvwxyz0123456789ABCD", "sk-", "npm_", "xoxb-", "glpat-"),
        *("12345678:", "rk_test_", "sk_live_", "AIza", "--", "=", ":", " ", "\t", "'", '"', "\\"),
        *("hunter2known", "GET /", "200", "ms", "é", "-----BEGIN RSA PRIVATE KEY-----"),
        *("-----END RSA PRIVATE KEY-----", "dckr_pat_", "AGE-SECRET-KEY-1", "credentials"),
    ]
)


@given(st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=12))
def test_the_quick_way_finds_the_same(lines: list[str]) -> None:
    redactor = Redactor.knowing(["hunter2known"])
    assert redactor.quick_lines(lines) == redactor.lines(lines)


@pytest.mark.parametrize(
    ("command", "secrets"),
    [
        (["redis-server", "--requirepass", "geheim22"], {"geheim22"}),
        (["app", "--db-password=geheim22", "-v"], {"geheim22"}),
        (["env", "API_TOKEN=geheim22", "app"], {"geheim22"}),
        (["app", "postgres://me:geheim%4022@db/x"], {"geheim%4022", "geheim@22"}),
        (["app", "--token-ttl", "360000"], set()),
        (["app", "--password-file", "/run/secrets/x"], set()),
        (["app", "--password=$PASSWORD", "--token", "--verbose"], set()),
        (["psql", "postgres://postgres:postgres@db/x"], set()),
        (["sh", "-c", "app --password=geheim22"], {"geheim22"}),
    ],
)
def test_arguments_tell_secrets(command: list[str], secrets: set[str]) -> None:
    assert argument_secrets(command) == secrets


def test_a_password_in_the_url_of_a_variable_is_known() -> None:
    environment = {"DATABASE_URL": "postgres://app:geheim22@db/shop", "HOME": "/root"}
    redactor = Redactor.knowing(secret_values(environment))
    assert redactor.text("connecting with geheim22") == "connecting with *****"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("hunter2-and-mor", "*****"),
        ("worker-hunter2-", "worker-*****"),
        ("worker-hunter", "worker-hunter"),
        ("a-longer-name-h", "a-longer-name-h"),
        ("hunter2-and-more", "*****"),
    ],
)
def test_half_a_secret_in_a_cut_name(name: str, shown: str) -> None:
    assert Redactor.knowing(["hunter2-and-more"]).name(name, 15) == shown
