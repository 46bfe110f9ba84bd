"""A tar stream from a hostile container writes nothing outside of the destination."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from tabib.client.untar import unpack
from tabib.model.errors import Refused


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def stream(*members: tuple[tarfile.TarInfo, bytes]) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return tarfile.open(fileobj=buffer, mode="r|")


def extract(archive: tarfile.TarFile, folder: Path, name: str) -> None:
    first = archive.next()
    assert first is not None
    unpack(archive, first, str(folder), name)


DIR, LINK, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
FOLDER = (entry("top", DIR, mode=0o755), b"")


@pytest.mark.parametrize(
    "members",
    [
        [FOLDER, (entry("../out"), b"x")],
        [FOLDER, (entry("top/../../out"), b"x")],
        [FOLDER, (entry("/out"), b"x")],
        [FOLDER, (entry("other/out"), b"x")],
        [FOLDER, (entry("top/link", LINK, ".."), b""), (entry("top/link/out"), b"x")],
        [FOLDER, (entry("top/link", LINK, "/"), b""), (entry("top/link/etc/out"), b"x")],
        [FOLDER, (entry("top/hard", HARD, "../../etc/passwd"), b"")],
        [FOLDER, (entry("top/hard", HARD, "/etc/passwd"), b"")],
        [(entry("top", LINK, "/"), b""), (entry("top/out"), b"x")],
        [FOLDER, (entry("top/l", LINK, "/etc/passwd"), b""), (entry("top/h", HARD, "top/l"), b"")],
    ],
)  # fmt: skip
def test_nothing_lands_outside(
    members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path
) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with pytest.raises(Refused):
        extract(stream(*members), inner, "top")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "a" / "out").exists()
    assert not (inner / "out").exists()
    assert not Path("/etc/out").exists()
    assert not Path("/out").exists()


def test_a_link_is_replaced_never_written_through(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    inner = tmp_path / "in"
    inner.mkdir()
    members = [FOLDER, (entry("top/f", LINK, str(secret)), b""), (entry("top/f"), b"theirs")]
    extract(stream(*members), inner, "top")
    assert secret.read_text() == "mine"
    assert (inner / "top" / "f").read_text() == "theirs"


def test_a_whole_tree_arrives_under_its_new_name(tmp_path: Path) -> None:
    members = [
        (entry("etc/", DIR, mode=0o500), b""),
        (entry("etc/a", mode=0o4755), b"one"),
        (entry("etc/deep", DIR, mode=0o700), b""),
        (entry("etc/deep/b"), b"two"),
        (entry("etc/hard", HARD, "etc/a", mode=0o4755), b""),
        (entry("etc/link", LINK, "a"), b""),
        (entry("etc/null", tarfile.CHRTYPE), b""),
    ]
    extract(stream(*members), tmp_path, "copy")
    top = tmp_path / "copy"
    assert (top / "a").read_bytes() == b"one"
    assert (top / "a").stat().st_mode & 0o7777 == 0o755  # Never set-user-id.
    assert (top / "deep" / "b").read_bytes() == b"two"
    assert (top / "hard").stat().st_ino == (top / "a").stat().st_ino
    assert os.readlink(top / "link") == "a"
    assert not (top / "null").exists()
    assert top.stat().st_mode & 0o777 == 0o500


def test_contents_go_into_the_folder_itself(tmp_path: Path) -> None:
    extract(stream(FOLDER, (entry("top/a"), b"x")), tmp_path, "")
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("root", ["/", "./", "."])
def test_the_root_of_a_container(root: str, tmp_path: Path) -> None:
    extract(stream((entry(root, DIR, mode=0o755), b""), (entry("./a"), b"x")), tmp_path, "all")
    assert (tmp_path / "all" / "a").read_bytes() == b"x"
