"""``tabib config -q`` without click says what the ordinary command says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tabib.cli import check, options

GOOD = "services: {a: {image: x}}\n"


@pytest.mark.parametrize(
    ("line", "is_plain"),
    [
        ("config -q", True),
        ("-f a.yaml -p x config --quiet --profile p -f b.yaml", True),
        ("config", False),
        ("up -q", False),
        ("config -q web", False),
        ("config -q --format json", False),
        ("config -qf a.yaml", False),
        ("config -q --file=a.yaml", False),
        ("config -q -f", False),
        ("-f config -q", False),
    ],
)
def test_only_the_plain_spelling_is_taken(line: str, is_plain: bool) -> None:
    assert check.plain(line.split()) is is_plain


def test_its_options_are_those_of_the_command() -> None:
    valued = [o for o in options._GLOBALS if o.compose and o.flag_value is None]
    known = {name: o for o in valued for name in o.names}
    assert {name: option.field for name, option in known.items()} == check.FIELDS
    assert {o.field for o in known.values() if o.multiple} == set(check.SEVERAL)


def test_values_that_look_like_options_are_values() -> None:
    given, rest = check.parse(["-f", "-p", "-p", "x", "config", "-f", "y", "-q"])
    assert given == {"files": ("-p", "y"), "project_name": "x"}
    assert rest == ["config", "-q"]


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tabib", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "version: '3'\nservices: {a: {image: 'x${UNSET_HERE}'}}\n",
        "services: {a: {imag: x}}\n",
        "services: {a: {image: x, depends_on: [b]}}\n",
        "",
    ],
)
def test_it_says_the_same(tmp_path: Path, text: str) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    quick = _run(tmp_path, "config", "-q")
    long = _run(tmp_path, "config", "-q", "--no-color")
    assert quick.returncode == long.returncode
    assert quick.stderr == long.stderr
    assert quick.stdout == ""


def test_the_standard_input_is_read_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tabib", "-f", "-", "config", "-q"]
    done = subprocess.run(
        command, cwd=tmp_path, input="services: {a: {imag: x}}", capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 4
    assert "did you mean 'image'?" in done.stderr


def test_it_starts_without_click_and_inspect(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(GOOD)
    program = (
        "import sys; from tabib.cli.main import main; code = main(['config', '-q'])\n"
        "print(code, [n for n in ('click', 'inspect', 'jsonschema_rs', 'hashlib', 'asyncio')"
        " if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "0 []", done.stderr
