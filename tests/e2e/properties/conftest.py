"""Every property of a service that a Docker Engine honours: one project, brought up once.

What only some machines can do (`privileged` in a sandbox, real-time groups, quotas of storage,
GPUs) is only created here, or compared with what Compose creates (tests/engines/docker).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from setup import engine_api

from e2e.conftest import field
from support.installation import Installation, owner_of
from support.real_engine import unique_prefix

FOLDER = Path(__file__).parent
MARK = "=-=-= "


class Properties:
    """The project of ``properties/compose.yaml``, brought up once."""

    def __init__(self, tabib: Installation, folder: Path, env: Mapping[str, str]) -> None:
        self.tabib = tabib
        self.folder = folder
        self.env = env
        self.name = tabib.prefix
        self._inspected: dict[str, Any] = {}

    def run(self, *words: str, **more: Any) -> Any:
        return self.tabib("-p", self.name, *words, cwd=self.folder, **more)

    def container(self, service: str, slot: int = 1) -> str:
        return f"{self.name}-named" if service == "words" else f"{self.name}-{service}-{slot}"

    def inspect(self, service: str, *path: str, slot: int = 1) -> Any:
        """A value of the container's inspection, which is asked for once."""
        name = self.container(service, slot)
        if name not in self._inspected:
            self._inspected[name] = self.tabib.inspect(name)
        return field(self._inspected[name], *path)

    def host(self, service: str, key: str) -> Any:
        return self.inspect(service, "HostConfig", key)

    def config(self, service: str, key: str) -> Any:
        return self.inspect(service, "Config", key)

    def ask(self, service: str, **questions: str) -> dict[str, str]:
        """What each shell command answers inside the container, all in one ``exec``."""
        script = "".join(
            f"echo '{MARK}{key}'; {{ {text}; }} 2>&1; " for key, text in questions.items()
        )
        out = self.run("exec", "-T", service, "sh", "-c", script + "true").well().out
        answers = (part.partition("\n") for part in out.replace("\r", "").split(MARK)[1:])
        return {key: text.rstrip("\n") for key, _, text in answers}


@pytest.fixture(scope="package")
def project(
    engine: engine_api.Engine,
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Properties]:
    root = tmp_path_factory.mktemp("p")
    folder = root / "f"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in ("bound", "kept"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    (folder / "bound" / "file").write_text("here\n")
    env = {
        "PORT_ONE": str(free_port()), "PORT_FROM": "18440", "PORT_TO": "18449",
        "PORT_RANGE": "18450-18451", "TOLD": "top-secret", "TAKEN": "from outside",
    }  # fmt: skip
    prefix = unique_prefix("tbp")
    env |= {"PREFIX": prefix, "BRIDGE": f"br-{prefix}"[:15]}
    tabib = Installation(root / "s", engine, prefix=prefix, env=env)
    engine.call("POST", "/volumes/create", body={"Name": f"{prefix}_outer"})
    try:
        made = Properties(tabib, folder, env)
        print(f"\nup: {made.run('up', timeout_s=120).well().seconds:.1f} s")
        made.run("--profile", "created-only", "up", "--no-start", "mighty").well()
        yield made
    finally:
        tabib.clear()
        assert owner_of(engine) is None
