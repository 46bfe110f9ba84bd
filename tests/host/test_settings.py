"""``tabib.toml``: the annotated file says the defaults, and mistakes are told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabib.host.settings import parse_settings, read_settings, settings_path
from tabib.model.errors import ConfigError
from tabib.model.settings import HostSettings

ANNOTATED = Path(__file__).parent.parent.parent / "docs" / "tabib.toml"
HERE = Path("tabib.toml")


def test_the_annotated_file_says_every_default() -> None:
    import tomllib
    from dataclasses import asdict

    assert read_settings(ANNOTATED) == HostSettings()
    assert tomllib.loads(ANNOTATED.read_text()) == asdict(HostSettings())


def test_no_file_means_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none.toml") == HostSettings()


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_settings(tmp_path / "none.toml", required=True)


def test_what_is_said_replaces_the_default() -> None:
    found = parse_settings("[recorder]\ninterval_s = 2\nraw_days = 7.5\n", HERE)
    assert (found.recorder.interval_s, found.recorder.raw_days) == (2.0, 7.5)
    assert isinstance(found.recorder.interval_s, float)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[recorder]\nintervals_s = 2\n", 2, "Did you mean interval_s?"),
        ("[recoder]\n", 1, "Did you mean recorder?"),
        ("[recorder]\n\ninterval_s = 'x'\n", 3, "not a number"),
        ("[recorder]\nenabled = 1\n", 2, "not true or false"),
        ("[recorder]\nlog_bytes = 1.5\n", 2, "not a number"),
        ("[recorder]\ninterval_s = 0\n", 2, "less than"),
        ("[recorder]\nraw_days = -1\n", 2, "less than"),
        ("[recorder\n", 1, "no TOML"),
        ("[notify]\nmin_severity = 'eror'\n", 2, "did you mean 'error'?"),
        ("[notify]\nurls = 'json://x'\n", 2, "not a list"),
        ("[notify]\non = ['opened']\n", 2, "must be one of"),
        ("[notify]\nquiet_hours = '10pm'\n", 2, "22:00-07:00"),
        ("[notify]\nmessages_per_10_minutes = 0\n", 2, "less than"),
        ("[backup]\nschedule = '0 3 * *'\n", 2, "five fields"),
        ("[backup]\n\ndrill_schedule = 'x x x x x'\n", 3, "backup.drill_schedule is no schedule"),
        ("[backup]\ntimezone = 'Europe/Belin'\n", 2, "did you mean 'Europe/Berlin'?"),
        ("[backup]\nrepositories = ['canary']\n", 2, "backup.repositories[0] is no repository"),
        ("[backup]\nrepositories = [{urls = '/a'}]\n", 2, "did you mean 'url'?"),
        ("recorder = 3\n", 1, "[recorder]"),
        ("[backup]\nrepositories = ['ftp:x']\n", "2:18", "one of s3:"),
        ("[backup]\nrepositories = [\n '/a',\n {url = 's3:x', nam = 'a'}]\n", "4:10", "'name'"),
        ("[backup]\nrepositories = [{name = 'a'}]\n", 2, "has no url"),
        ("[backup]\nschedule = '61 * * * *'\n", 2, "backup.schedule"),
        ("[backup]\ndrill_schedule = 'x'\n", 2, "backup.drill_schedule"),
        ("[backup]\ntimezone = 'Europe/Berlim'\n", 2, "did you mean 'Europe/Berlin'?"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, line: int | str, words: str) -> None:
    with pytest.raises(ConfigError) as failed:
        parse_settings(text, HERE)
    assert f"tabib.toml:{line}" in str(failed.value)
    assert words in str(failed.value)


def test_where_the_file_is() -> None:
    assert settings_path({}, 0) == Path("/etc/tabib/tabib.toml")
    assert settings_path({"TABIB_CONFIG": "/x.toml"}, 1000) == Path("/x.toml")
    assert settings_path({"XDG_CONFIG_HOME": "/c"}, 1000) == Path("/c/tabib/tabib.toml")


def test_a_wrong_url_is_told_by_its_place_and_without_its_secret() -> None:
    text = "[notify]\nurls = [\n  'json://good',\n  'tgram:/canary9f3a',\n]\n"
    with pytest.raises(ConfigError) as failed:
        parse_settings(text, HERE)
    assert "tabib.toml:4:4: notify.urls[1] is no URL" in str(failed.value)
    assert "canary9f3a" not in str(failed.value)
    rule = "[notify]\nurls = [{url = 'json://canary9f3a', onn = ['open']}]\n"
    with pytest.raises(ConfigError, match="did you mean 'on'") as failed:
        parse_settings(rule, HERE)
    assert "canary9f3a" not in str(failed.value)
