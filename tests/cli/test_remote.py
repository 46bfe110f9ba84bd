"""Compose files from git: refused unasked, fetched on request, nothing from outside of them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tabib.cli import remote
from tabib.cli.files import RealFiles
from tabib.compose import LoadRequest, load
from tabib.compose.remote import GitResource, is_remote, parse_git
from tabib.model.errors import ConfigError
from tabib.model.project import Project


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("https://h/a.git", GitResource("https://h/a.git", "", "")),
        ("https://h/a.git#v1:sub/c.yaml", GitResource("https://h/a.git", "v1", "sub/c.yaml")),
        ("http://h/a.git#:sub", GitResource("http://h/a.git", "", "sub")),
        ("git@h:a/b", GitResource("git@h:a/b", "", "")),
        ("ssh://git@h/a#x", GitResource("ssh://git@h/a", "x", "")),
        ("git://h/a", GitResource("git://h/a", "", "")),
        ("github.com/a/b", GitResource("https://github.com/a/b", "", "")),
        ("https://h/compose.yaml", None),
        ("file:///a.git", None),
        ("ext::sh -c id.git", None),
        ("./git@h:a", None),
        ("a.git", None),
        ("-oProxyCommand=id", None),
    ],
)
def test_what_is_a_repository(text: str, resource: GitResource | None) -> None:
    assert parse_git(text) == resource
    assert is_remote(text) is (resource is not None)


def _git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    command = ["git", *identity, *words]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """A served repository; calling it commits what is in ``tmp_path/work`` and gives its URL."""
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    (work / "compose.yaml").write_text("services: {far: {image: far:1, env_file: far.env}}\n")
    (work / "far.env").write_text("FAR=1\n")
    (work / "sub" / "compose.yaml").write_text("services: {sub: {image: sub:1}}\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _git(work, "init", "-q", "-b", "main")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon = subprocess.Popen(
        ["git", "daemon", "--export-all", f"--base-path={tmp_path}", "--listen=127.0.0.1",
         f"--port={port}", "--reuseaddr", str(tmp_path)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.02)  # a foreign program comes up; it tells nobody

    def commit() -> str:
        _git(work, "add", "-A")
        _git(work, "commit", "-q", "-m", "x")
        return f"git://127.0.0.1:{port}/work/.git"

    yield commit
    daemon.terminate()
    daemon.wait(20)


def _load(folder: Path, text: str, fetch: Callable[[str], str] | None = remote.fetch) -> Project:
    (folder / "here").mkdir(exist_ok=True)
    (folder / "here" / "compose.yaml").write_text(text)
    return load(LoadRequest(cwd=str(folder / "here"), fetch=fetch), RealFiles())


def test_include_and_extends_from_a_repository(
    repository: Callable[[], str], tmp_path: Path
) -> None:
    url = repository()
    project = _load(
        tmp_path,
        f"include: ['{url}']\nservices:\n"
        f"  near: {{extends: {{file: '{url}#main:sub', service: sub}}}}\n",
    )
    assert project.services["far"].spec["environment"] == {"FAR": "1"}
    assert project.services["near"].spec["image"] == "sub:1"


def test_the_file_itself_may_stand_there(repository: Callable[[], str], tmp_path: Path) -> None:
    request = LoadRequest(cwd=str(tmp_path), files=(f"{repository()}#main:sub",),
                          fetch=remote.fetch)  # fmt: skip
    assert list(load(request, RealFiles()).services) == ["sub"]


def test_what_was_fetched_is_kept_until_the_reference_moves(
    repository: Callable[[], str], tmp_path: Path
) -> None:
    url = repository()
    first = Path(remote.fetch(url))
    first.with_name("mark").touch()
    assert Path(remote.fetch(url)).with_name("mark").exists()
    (tmp_path / "work" / "compose.yaml").write_text("services: {far: {image: far:2}}\n")
    repository()
    assert Path(remote.fetch(url)).read_text() == "services: {far: {image: far:2}}\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../../../../etc/passwd", "leads out of the repository"),
        ("out.yaml", "leads out of the repository"),
        ("away", "leads out of the repository"),
        ("nothing.yaml", "has no file 'nothing.yaml'"),
    ],
)
def test_nothing_outside_the_repository_is_read(
    repository: Callable[[], str], tmp_path: Path, path: str, message: str
) -> None:
    (tmp_path / "work" / "out.yaml").symlink_to("/etc/passwd")
    (tmp_path / "work" / "away").symlink_to("/etc")
    with pytest.raises(OSError, match=message):
        remote.fetch(f"{repository()}#main:{path}")


@pytest.mark.parametrize("ref", ["nowhere", "--upload-pack=touch x", "0" * 40])
def test_a_reference_that_is_none(repository: Callable[[], str], tmp_path: Path, ref: str) -> None:
    with pytest.raises(OSError):
        remote.fetch(f"{repository()}#{ref}")
    assert not list((tmp_path / "cache").rglob(".fetch-*"))


@pytest.mark.parametrize(
    "text",
    [
        "include: ['https://example.invalid/x.git']\n",
        "include: ['oci://example.invalid/x:1']\n",
        "services: {a: {extends: {file: 'git@example.invalid:x', service: a}}}\n",
    ],
)
def test_unasked_nothing_is_fetched(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text, None)
    [problem] = caught.value.details["problems"]
    assert "is remote: nothing is fetched unasked" in problem["message"]
    assert "--allow-remote" in problem["suggestion"]
    assert problem["line"] == 1


def test_an_artifact_is_refused_also_when_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OCI artifacts cannot be fetched here"):
        _load(tmp_path, "include: ['oci://example.invalid/x:1']\n")
