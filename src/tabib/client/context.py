"""A build's context: the files of a folder as a tar stream, read as they are sent.

Nothing is held in memory whole. Symbolic links go as links and are never followed, so that no file
outside of the folder comes along; modes and times are kept, owners are root, as docker sends them.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tabib.decide.dockerignore import Ignore

_CHUNK_BYTES = 1 << 18
_BLOCK_BYTES = tarfile.BLOCKSIZE
_END = b"\0" * (2 * _BLOCK_BYTES)


class Changed(OSError):
    """A file became shorter while it was read."""


@dataclass(frozen=True, slots=True)
class Context:
    """``folder`` without what ``ignore`` excludes. ``kept``: paths that go all the same;
    ``extra``: files that are added, or stand for those of the same name."""

    folder: str
    ignore: Ignore = field(default_factory=Ignore)
    kept: frozenset[str] = frozenset()
    extra: Mapping[str, bytes] = field(default_factory=dict)

    def chunks(self) -> Iterator[bytes]:
        """The tar stream.

        :raises OSError: a file cannot be read, or changed meanwhile.
        """
        for path, info in self._walk(""):
            yield _header(info)
            if info.isreg() and info.size:
                yield from _content(path, info.size)
        for name, content in sorted(self.extra.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o600
            yield _header(info) + content + _padding(len(content))
        yield _END

    def _walk(self, folder: str) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """(where it is, header) of what is below ``folder``, sorted, folders before what they hold.

        An excluded folder comes only with something in it that is not: then right before that.
        """
        with os.scandir(os.path.join(self.folder, folder)) as found:
            entries = sorted(found, key=lambda one: os.fsencode(one.name))
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path in self.extra:
                continue
            out = self.ignore.excludes(path) and path not in self.kept
            info = None if out and not entry.is_dir(follow_symlinks=False) else _info(entry, path)
            if info is None:
                continue
            if not out:
                yield entry.path, info
            if info.isdir() and (not out or self._may_hold(path)):
                inside = self._walk(path)
                first = next(inside, None)
                if first is not None:
                    if out:
                        yield entry.path, info
                    yield first
                    yield from inside

    def _may_hold(self, folder: str) -> bool:
        return self.ignore.may_hold(folder) or any(
            name.startswith(f"{folder}/") for name in self.kept
        )


def _info(entry: os.DirEntry[str], path: str) -> tarfile.TarInfo | None:
    """The header; None for what no archive holds (sockets) and no image wants (devices)."""
    found = entry.stat(follow_symlinks=False)
    info = tarfile.TarInfo(path)
    info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    if stat.S_ISREG(found.st_mode):
        info.size = found.st_size
    elif stat.S_ISDIR(found.st_mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(entry.path)
    elif stat.S_ISFIFO(found.st_mode):
        info.type = tarfile.FIFOTYPE
    else:
        return None
    return info


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _content(path: str, size: int) -> Iterator[bytes]:
    """Exactly ``size`` bytes of the file, and the padding: what grows meanwhile is cut."""
    left = size
    # A link that took the file's place since must not be followed out of the folder.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:
        while left:
            chunk = file.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise Changed(0, "it became shorter while it was sent", path)
            left -= len(chunk)
            yield chunk
    yield _padding(size)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % _BLOCK_BYTES)
