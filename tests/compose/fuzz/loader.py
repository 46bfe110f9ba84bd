"""Coverage-guided fuzzing of the loader: it answers a project or a ``ConfigError``, soon.

``python tests/compose/fuzz/loader.py [SECONDS] [CORPUS]`` needs the extra ``fuzz`` (atheris). An
input is a few files with a line of ``%%`` between them: the Compose file, its override, ``.env``,
``base.yaml`` (for ``extends`` and ``include``). The cases of the oracle are its first corpus. An
input that breaks the rule is left as ``crash-…`` or ``timeout-…``: keep it as a test.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import atheris

TESTS = Path(__file__).parent.parent.parent
sys.path.insert(0, str(TESTS))

with atheris.instrument_imports(include=["tabib.compose"]):
    from compose.memory import load_files
    from tabib.compose import render, schema
    from tabib.model.errors import ConfigError

NAMES = ("compose.yaml", "compose.override.yaml", ".env", "base.yaml")
BETWEEN = b"\n%%\n"
SLOW_S = 5
"""Instrumented code is about five times as slow as what users run."""
MEMORY_MB = 700


def split(data: bytes) -> dict[str, str | bytes]:
    """The files that an input stands for."""
    return dict(zip(NAMES, data.split(BETWEEN, len(NAMES) - 1), strict=False))


def check(data: bytes) -> None:
    """:raises AssertionError: an error without problems, or a project that cannot be printed."""
    files = split(data)
    for lenient in (False, True):
        try:
            project = load_files(files, no_interpolate=lenient)
        except ConfigError as error:
            explained(error)
        else:
            json.loads(render.as_json(project))
            render.as_yaml(project).encode()


def explained(error: ConfigError) -> None:
    assert error.details["problems"]
    json.dumps(error.to_wire()).encode()
    str(error).encode()


def words() -> set[str]:
    """Every key and word of the schema, and what YAML and interpolation give a meaning."""
    found = {"<<: ", "&a ", "*a", "!reset ", "!override ", "${A", ":-", ":?", "$$", "- ", "{", "}",
             "[", "]", ": ", "? ", "| ", "> ", "~", "!!str ", "80:80", "a=b", "%%", "x-a", "'", '"',
             "base.yaml", "../", "0x1F", "1e9999", ".inf", "\n  ", "\n    "}  # fmt: skip

    def collect(node: object) -> None:
        if isinstance(node, dict):
            found.update(str(key) for key in node)
            for inner in node.values():
                collect(inner)
        elif isinstance(node, list):
            found.update(item for item in node if isinstance(item, str))
            for inner in node:
                collect(inner)

    collect(json.loads(Path(schema.__file__).with_name("compose-spec.json").read_text("utf-8")))
    return {word for word in found if len(word) < 40}


def seed(corpus: Path) -> None:
    """The oracle's cases, and each file of their folders as an override."""
    cases = TESTS / "compose" / "cases"
    for path in sorted(cases.rglob("*.y*ml")):
        name = "-".join(path.relative_to(cases).parts)
        (corpus / name).write_bytes(path.read_bytes())
    for folder in (path for path in sorted(cases.iterdir()) if path.is_dir()):
        texts = [path.read_bytes() for path in sorted(folder.rglob("*.y*ml"))]
        (corpus / folder.name).write_bytes(BETWEEN.join(texts))


def main() -> None:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "3600"
    corpus = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="tabib-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    seed(corpus)
    dictionary = corpus.with_suffix(".dict")
    lines = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in sorted(words()))
    dictionary.write_text("".join(f'"{line}"\n' for line in lines), "utf-8")
    options = [f"-max_total_time={seconds}", f"-timeout={SLOW_S}", f"-rss_limit_mb={MEMORY_MB}"]
    options += ["-max_len=4000", f"-dict={dictionary}", f"-artifact_prefix={corpus}/../"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
