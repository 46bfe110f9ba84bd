"""Cases: Compose files under ``cases/`` with the command line in their first comments.

``# args:`` are arguments of ``docker compose`` before ``config``, ``# env:`` the environment,
``# cwd:`` the folder to start in. A case is one file, or a folder of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tabib.cli.files import RealFiles
from tabib.compose import LoadRequest, load
from tabib.model.project import Project

CASES = Path(__file__).parent / "cases"
HOME = "/home/somebody"
_OPTIONS = {"-f": "files", "--profile": "profiles", "--env-file": "env_files"}


class Files(RealFiles):
    """Real files with a standard input of its own."""

    def __init__(self, stdin: bytes = b"") -> None:
        super().__init__()
        self._stdin = stdin


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    cwd: Path
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""

    @property
    def refused(self) -> bool:
        return self.name.startswith("refused-")

    def load(self) -> Project:
        return load(request(self.args, self.cwd, self.env), Files(self.stdin))


def request(args: Sequence[str], cwd: Path, env: dict[str, str]) -> LoadRequest:
    """The request that the arguments of ``docker compose`` mean."""
    given: dict[str, list[str]] = {"files": [], "profiles": [], "env_files": []}
    single: dict[str, str] = {}
    flags: dict[str, bool] = {}
    words = iter(args)
    for word in words:
        if word in _OPTIONS:
            given[_OPTIONS[word]].append(next(words))
        elif word == "-p":
            single["project_name"] = next(words)
        elif word == "--project-directory":
            single["project_directory"] = next(words)
        elif word == "--all-resources":
            flags["all_resources"] = True
        else:
            raise AssertionError(f"the harness does not know {word}")
    return LoadRequest(
        cwd=str(cwd),
        environment=env,
        files=tuple(given["files"]),
        profiles=tuple(given["profiles"]),
        env_files=tuple(given["env_files"]),
        project_name=single.get("project_name", ""),
        project_directory=single.get("project_directory", ""),
        all_resources=flags.get("all_resources", False),
    )


def _case(path: Path) -> Case:
    folder = path.is_dir()
    texts = (
        [p for p in sorted(path.rglob("*")) if p.suffix in (".yaml", ".yml")] if folder else [path]
    )
    heads: dict[str, str] = {}
    for text in texts:
        for line in text.read_text("utf-8").splitlines():
            if not line.startswith("# ") or ":" not in line:
                break
            key, _, value = line[2:].partition(":")
            heads[key] = value.strip()
    args = tuple(heads.get("args", "").split())
    env = dict(pair.split("=", 1) for pair in heads.get("env", "").split())
    stdin = path.read_bytes() if "-" in args else b""
    if not folder and not stdin:
        args = ("-f", path.name, *args)
    start = (path if folder else path.parent) / heads.get("cwd", "")
    return Case(path.stem, start, args, {"HOME": HOME, **env}, stdin)


def cases() -> list[Case]:
    return [_case(path) for path in sorted(CASES.iterdir())]
