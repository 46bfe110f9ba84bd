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


SPARED = (
    "click", "inspect", "dataclasses", "jsonschema_rs", "hashlib", "asyncio", "tabib.model.project",
    "tabib.model.errors", "tabib.cli.console", "tabib.cli.quick_name", "tabib.compose.project",
)  # fmt: skip


def _probe(folder: Path, program: str) -> str:
    (folder / "compose.yaml").write_text(GOOD)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert not done.stderr
    return done.stdout.strip()


def test_it_imports_only_what_it_needs(tmp_path: Path) -> None:
    program = (
        "import sys; from tabib.cli.main import main; code = main(['config', '-q'])\n"
        f"print(code, [name for name in {SPARED!r} if name in sys.modules])"
    )
    assert _probe(tmp_path, program) == "0 []"


def test_no_regular_expression_is_compiled_that_is_not_used(tmp_path: Path) -> None:
    program = (
        "import re._compiler as compiler\n"
        "compile, seen = compiler.compile, []\n"
        "compiler.compile = lambda *given: seen.append(given[0]) or compile(*given)\n"
        "from tabib.cli.main import main; code = main(['config', '-q'])\n"
        "print(code, len(seen), [text for text in seen if len(text) > 80])"
    )
    code, count, long = _probe(tmp_path, program).split(" ", 2)
    assert (code, long) == ("0", "[]")
    assert int(count) <= 6


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("services: {a: {image: x, x-when: 2024-05-06, scale: 010, cpus: .5}}", ""),
        ("services: {a: {image: x, ports: ['1-2:3-4'], healthcheck: {interval: 1m5s}}}", ""),
        ("services: {a: {image: x, volumes: ['vol:/a']}}\n", "there is no volume 'vol'"),
        ("services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {driver: d}}\n", "must be given"),
        ("services: {a: {image: x}}\nnetworks: {n: {internal: maybe}}\n", "networks.n.internal"),
        ("services: {a: {image: x}}\nmodels: {m: {model: y, context_size: z}}\n", "context_size"),
        ("services: {a: {image: x, labels: {tabib.care: no}}}\n", "must be one of"),
        ("services: {a: {image: x, env_file: [gone.env]}}\n", "gone.env does not exist"),
        ("services: {a: {image: x}, b: {image: y, env_file: [.a]}}\n", ".a does not exist"),
        ('services: {a: {image: x, working_dir: "\\a"}}\n', ""),
        ("services: {a: \x01}", "not valid YAML"),
        ("services: {a: [}", "not valid YAML"),
    ],
)
def test_what_is_not_made_is_refused_all_the_same(tmp_path: Path, text: str, line: str) -> None:
    """Each stage behind the schema, and each kind of scalar, in the short way and the long one."""
    (tmp_path / "compose.yaml").write_text(text)
    quick = _run(tmp_path, "config", "-q")
    long = _run(tmp_path, "config", "-q", "--no-color")
    assert (quick.returncode, quick.stderr) == (long.returncode, long.stderr)
    assert line in quick.stderr
    assert quick.returncode == (4 if line else 0)
