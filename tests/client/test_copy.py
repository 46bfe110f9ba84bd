"""Copies between a real container and here do what ``docker cp`` does, case by case.

The archive route of the daemon is the engine's own; here the engine is asked directly.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.real_engine import IMAGE, address, ensure_images, unique_prefix
from tabib.client.api import Client
from tabib.client.copy import CopyOptions, RemoteFiles, download, upload
from tabib.client.hijack import EngineDialer
from tabib.client.transport import parse_address
from tabib.model.errors import TabibError

pytestmark = pytest.mark.engine

TREE = (
    "mkdir -p /src/dir/sub /src/empty; echo one > /src/file; echo two > /src/dir/two;"
    "echo deep > /src/dir/sub/deep; ln -s file /src/link; ln -s dir /src/dirlink;"
    "chmod 750 /src/dir/sub; chmod 600 /src/dir/two; chown 1234:4321 /src/dir/two;"
    "ln -s /nowhere /src/dangling; exec sleep 600"
)


@dataclass(frozen=True)
class Box:
    """A container and both ways into its files."""

    engine: EngineDialer
    name: str

    @property
    def files(self) -> RemoteFiles:
        return RemoteFiles(Client(parse_address(address().url)), f"/containers/{self.name}/archive")

    def sh(self, script: str) -> str:
        done = subprocess.run(
            ["docker", "exec", self.name, "sh", "-c", script],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def docker_cp(self, *argv: str) -> bool:
        done = subprocess.run(
            ["docker", "cp", "-q", *argv], capture_output=True, timeout=60, check=False
        )
        return done.returncode == 0


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    ensure_images(IMAGE)
    engine, name = EngineDialer(address()), unique_prefix("tbcp")
    body = {"Image": IMAGE, "Cmd": ["sh", "-c", TREE], "HostConfig": {"NetworkMode": "none"}}
    engine.call("POST", f"/containers/create?name={name}", body)
    engine.call("POST", f"/containers/{name}/start")
    found = Box(engine, name)
    found.sh("until [ -L /src/dangling ]; do :; done")
    yield found
    engine.call("DELETE", f"/containers/{name}?force=1&v=1")


def tree(root: Path) -> dict[str, tuple[str, int]]:
    """Path → (content or link's target, mode) of everything below ``root``."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if path.is_symlink():
                found[str(path.relative_to(root))] = (f"-> {os.readlink(path)}", 0)
            else:
                content = path.read_text() if path.is_file() else ""
                found[str(path.relative_to(root))] = (content, mode)
    return found


def prepared(folder: Path) -> Path:
    folder.mkdir()
    (folder / "existing").mkdir()
    (folder / "existing" / "kept").write_text("kept")
    (folder / "taken").write_text("old")
    return folder


FROM = [("/src/file", False), ("/src/dir", False), ("/src/dir/.", False), ("src/link", False),
        ("/src/link", True), ("/src/dirlink", False), ("/src/dirlink", True),
        ("/src/dangling", False), ("/src/empty", False), ("/nope", False)]  # fmt: skip


@pytest.mark.parametrize("to", ["new", "existing", "taken", "missing/new", "new/"])
@pytest.mark.parametrize(("source", "follow"), FROM)
def test_from_a_container(box: Box, source: str, to: str, follow: bool, tmp_path: Path) -> None:
    theirs, ours = prepared(tmp_path / "theirs"), prepared(tmp_path / "ours")
    flags = ["-L"] if follow else []
    agreed = box.docker_cp(*flags, f"{box.name}:{source}", f"{theirs}/{to}")
    try:
        download(box.files, source, f"{ours}/{to}", CopyOptions(follow_link=follow), io.BytesIO())
        worked = True
    except TabibError:
        worked = False
    assert (worked, tree(ours)) == (agreed, tree(theirs))


INTO = [("file", False), ("dir", False), ("dir/.", False), ("link", False), ("link", True),
        ("dirlink", False), ("dirlink", True), ("nope", False)]  # fmt: skip


@pytest.mark.parametrize(
    "to", ["/new", "/existing", "/taken", "/missing/new", "/new/", "/tolink", "rel"]
)
@pytest.mark.parametrize(("source", "follow"), INTO)
def test_into_a_container(box: Box, source: str, to: str, follow: bool, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "dir" / "sub").mkdir(parents=True)
    (here / "dir" / "two").write_text("two")
    (here / "dir" / "two").chmod(0o640)
    (here / "file").write_text("one")
    (here / "link").symlink_to("file")
    (here / "dirlink").symlink_to("dir")
    flags = ["-L"] if follow else []
    reset = (
        "rm -rf /new /existing /taken /missing /tolink /rel;"
        "mkdir /existing; echo kept > /existing/kept; echo old > /taken; ln -s existing /tolink"
    )
    look = (
        "cd /; find new existing taken missing tolink rel 2>/dev/null | sort |"
        "while read p; do stat -c '%N %a %u %g' $p; [ -f $p ] && cat $p; done; true"
    )
    box.sh(reset)
    agreed = box.docker_cp(*flags, f"{here}/{source}", f"{box.name}:{to}")
    theirs = box.sh(look)
    box.sh(reset)
    try:
        upload(box.files, f"{here}/{source}", to, CopyOptions(follow_link=follow), io.BytesIO())
        worked = True
    except TabibError:
        worked = False
    assert (worked, box.sh(look)) == (agreed, theirs)


def test_owners_are_kept_where_asked(box: Box, tmp_path: Path) -> None:
    options = CopyOptions(keep_owner=True)
    download(box.files, "/src/dir", str(tmp_path / "dir"), options, io.BytesIO())
    assert (tmp_path / "dir" / "two").stat().st_uid == (1234 if os.getuid() == 0 else os.getuid())


def test_tar_streams_both_ways(box: Box) -> None:
    out = io.BytesIO()
    download(box.files, "/src/dir", "-", CopyOptions(), out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        names = archive.getnames()
    assert {name.rstrip("/") for name in names} == {"dir", "dir/sub", "dir/sub/deep", "dir/two"}
    out.seek(0)
    box.sh("mkdir -p /unpacked")
    upload(box.files, "-", "/unpacked", CopyOptions(), out)
    assert box.sh("cat /unpacked/dir/sub/deep") == "deep\n"


def test_a_large_file_streams(box: Box, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 24
    (tmp_path / "large").write_bytes(data)
    upload(box.files, str(tmp_path / "large"), "/tmp/large", CopyOptions(), io.BytesIO())
    download(box.files, "/tmp/large", str(tmp_path / "back"), CopyOptions(), io.BytesIO())
    assert (tmp_path / "back").read_bytes() == data
