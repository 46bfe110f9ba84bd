"""The small files of the host that a project needs beside its data, kept with each snapshot.

Its Compose files, what secrets and configs are read from, and configuration that services have
mounted to read: without them the project could not be brought up on a bare machine. What is too
large, or out of reach, is told by name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tabib.model.backup import Dataset, KeptFile
from tabib.model.project import Project
from tabib.operations.tools import Tools

FILE_BYTES = 256 * 1024
ALL_BYTES = 4 * 1024 * 1024
FILES = 256
_OF_THE_HOST = ("/proc", "/sys", "/dev", "/run", "/var/run", "/etc/localtime", "/etc/timezone")
"""What every machine has of its own."""


def needed(project: Project, datasets: Iterable[Dataset]) -> list[str]:
    """The paths on the host that its services need, but for those that are data sets."""
    data = {one.place.source.rstrip("/") for one in datasets if one.place.type == "bind"}
    found = [*project.files, *project.environment_files]
    found += [one.file for one in (*project.secrets.values(), *project.configs.values())]
    for service in project.services.values():
        found += [
            str(mount.get("source"))
            for mount in service.spec.get("volumes") or ()
            if mount.get("type") == "bind"
        ]
    return [
        path
        for path in dict.fromkeys(found)
        if path.startswith("/")
        and path.rstrip("/") not in data
        and path != "/"
        and not f"{path}/".startswith(tuple(f"{one}/" for one in _OF_THE_HOST))
    ]


def keep(
    tools: Tools, project: Project, datasets: Iterable[Dataset]
) -> tuple[tuple[KeptFile, ...], dict[str, str]]:
    """The files, and which are not kept and why. Blocks for as long as it reads."""
    kept: list[KeptFile] = []
    unkept: dict[str, str] = {}
    room = ALL_BYTES
    for path in needed(project, datasets):
        if not tools.info.local:
            unkept[path] = "it is on another machine"
            continue
        for file in _files(Path(path)):
            taken = _read(file, room) if len(kept) < FILES else "there are too many"
            if isinstance(taken, str):
                unkept[str(file)] = taken
            else:
                kept.append(taken)
                room -= len(taken.content)
    return tuple(kept), unkept


def put_back(files: Iterable[KeptFile]) -> tuple[list[str], list[str]]:
    """Write the files that are not there; which were written, and which are there and differ.

    Nothing that is there is changed, but for an empty folder in the place of one: the engine makes
    that where a file is to be mounted and is not there. Blocks.
    """
    written, differing = [], []
    for one in files:
        path = Path(one.path)
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # it holds something, or is in use
                path.rmdir()
        if path.exists():
            if not path.is_file() or path.read_bytes() != one.content:
                differing.append(one.path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(one.content)
            if os.geteuid() == 0:
                os.fchown(descriptor, one.uid, one.gid)
            os.fchmod(descriptor, one.mode)
        written.append(one.path)
    return written, differing


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            yield Path(folder) / name


def _read(path: Path, room: int) -> KeptFile | str:
    """The file, or why it cannot be kept."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return "it is not there"
    except OSError as error:
        return error.strerror or "it cannot be read"
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return "it is no file"
        if facts.st_size > min(FILE_BYTES, room):
            return f"it is too large ({facts.st_size:,} bytes)"
        content = b""
        while chunk := os.read(descriptor, FILE_BYTES):
            content += chunk
    finally:
        os.close(descriptor)
    return KeptFile(
        path=str(path),
        content=content,
        mode=stat.S_IMODE(facts.st_mode),
        uid=facts.st_uid,
        gid=facts.st_gid,
    )
