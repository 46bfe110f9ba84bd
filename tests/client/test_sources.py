"""Where services are built from: Dockerfiles, contexts, secrets; and what is wrong with them."""

from __future__ import annotations

import base64
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.projects import project, service
from tabib.client.sources import Sources
from tabib.model.build import BuildSource
from tabib.model.errors import BuildFailed
from tabib.model.project import FileObject


def look(
    folder: Path, far: bool = False, given: tuple[str, ...] = (), **build: Any
) -> tuple[Sources, BuildSource]:
    one = service("a", build={"context": str(folder), **build})
    secrets = {
        "file": FileObject(key="file", name="file", file=str(folder / "secret")),
        "value": FileObject(key="value", name="value", content="hunter2"),
    }
    whole = replace(project(one), secrets=secrets)
    sources = Sources(whole, {"SSH_AUTH_SOCK": str(folder / "agent")}, far=far, ssh=given)
    return sources, sources.look([one])["a"]


def files(sources: Sources) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(sources.chunks("a")))) as archive:
        found = {}
        for info in archive:
            file = archive.extractfile(info) if info.isfile() else None
            found[info.name] = file.read() if file else b""
        return found


def test_a_dockerfile_of_the_context_goes_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    (tmp_path / ".dockerignore").write_text("Dockerfile\n.dockerignore\nout\n")
    (tmp_path / "out").write_text("x")
    sources, found = look(tmp_path)
    assert (found.dockerfile, found.text, found.problem) == ("Dockerfile", "FROM a\n", "")
    assert set(files(sources)) == {"Dockerfile", ".dockerignore"}, "the engine needs both"


def test_the_other_spelling_and_a_path(tmp_path: Path) -> None:
    (tmp_path / "dockerfile").write_text("FROM a\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "D").write_text("FROM b\n")
    assert look(tmp_path)[1].dockerfile == "dockerfile"
    assert look(tmp_path, dockerfile="sub/D")[1].dockerfile == "sub/D"


@pytest.mark.parametrize("rules", ["", "out\n"])
def test_inline_and_outside_dockerfiles_are_added_and_named_to_be_taken_out(
    tmp_path: Path, rules: str
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    if rules:
        (context / ".dockerignore").write_text(rules)
    (tmp_path / "Outside").write_text("FROM outside\n")
    for build, text in (
        ({"dockerfile_inline": "FROM inline\n"}, "FROM inline\n"),
        ({"dockerfile": "../Outside"}, "FROM outside\n"),
    ):
        sources, found = look(context, **build)
        sent = files(sources)
        assert sent[found.dockerfile].decode() == found.text == text
        assert found.dockerfile in sent[".dockerignore"].decode().splitlines()
        assert sent[".dockerignore"].decode().startswith(rules or ".dockerignore\n")


def test_a_dockerfiles_own_ignore_file_wins(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    (tmp_path / "D").write_text("FROM a\n")
    (tmp_path / ".dockerignore").write_text("a\n")
    (tmp_path / "D.dockerignore").write_text("b\n")
    assert {"a", "b"} & set(files(look(tmp_path, dockerfile="D")[0])) == {"a"}
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    assert {"a", "b"} & set(files(look(tmp_path)[0])) == {"b"}


def test_secrets_and_agents(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    (tmp_path / "secret").write_bytes(b"\x00bytes")
    secrets = [{"source": "file", "target": "other"}, {"source": "value"}]
    agent, key, other = (tmp_path / name for name in ("agent", "key", "other"))
    for path in (agent, key, other):
        path.touch()
    ssh = ["default", f"k={key}", f"l={key}"]
    _, found = look(tmp_path, secrets=secrets, ssh=ssh, given=(f"l={key},{other}",))
    values = {name: base64.b64decode(value) for name, value in found.secrets.items()}
    assert values == {"other": b"\x00bytes", "value": b"hunter2"}
    assert found.ssh == (f"default={agent}", f"k={key}", f"l={key},{other}")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ({"context": "/nowhere"}, "/nowhere is no folder"),
        ({"dockerfile": "None"}, "No such file"),
        ({"secrets": [{"source": "none"}]}, "none"),
        ({"secrets": [{"source": "file"}]}, "No such file"),
        ({"additional_contexts": {"a": "/nowhere"}}, "/nowhere is no folder"),
        ({"ssh": ["other"]}, "no key"),
        ({"ssh": ["k=/nowhere"]}, "/nowhere is not there"),
        ({"ssh": ["default"]}, "agent is not there"),
        ({"context": "https://x/y.git", "dockerfile_inline": "FROM a"}, "dockerfile_inline"),
        ({"dockerfile": "Bad"}, "line 1"),
    ],
)
def test_what_is_wrong_is_a_problem_and_no_error(
    tmp_path: Path, build: dict[str, Any], words: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    (tmp_path / "Bad").write_text("FROM a\n")
    (tmp_path / "Bad.dockerignore").write_text("!\n")
    assert words in look(tmp_path, **build)[1].problem


def test_a_daemon_on_another_machine_sees_no_file_of_this_one(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    local = {"additional_contexts": {"a": str(tmp_path)}}
    assert look(tmp_path, far=True, **local)[1].problem
    assert look(tmp_path, far=True, ssh=["k=/key"])[1].problem
    assert not look(tmp_path, **local)[1].problem
    web = {"additional_contexts": {"a": "docker-image://b", "c": "https://x/y.tar"}}
    assert not look(tmp_path, far=True, **web)[1].problem


def test_a_remote_context_is_the_engines_affair(tmp_path: Path) -> None:
    _, found = look(tmp_path, context="https://host/x.git#main:sub", dockerfile="D")
    assert (found.remote, found.dockerfile) == ("https://host/x.git#main:sub", "D")
    assert (found.context, found.problem) == ("", "")


def test_a_file_that_cannot_be_read_ends_the_stream_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    (tmp_path / "z").write_text("x")
    sources, _ = look(tmp_path)
    chunks = sources.chunks("a")
    for _ in range(4):  # up to the header of z
        next(chunks)
    os.unlink(tmp_path / "z")
    with pytest.raises(BuildFailed, match="/z"):
        list(chunks)
