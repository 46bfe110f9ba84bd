"""Files between a container and here, as ``docker cp`` has it, in tar streams.

Source of the rules: the reference of ``docker container cp``. Nothing is held in memory whole.
What comes out of a container is not trusted: an entry that would land outside of the destination,
or pass through a symbolic link that came along, is refused.
"""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from tabib.client.untar import unpack
from tabib.model.errors import NotFound, TabibError, UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client

_BLOCK_BYTES = 1 << 16
_LINKS_FOLLOWED = 16


@dataclass(frozen=True, slots=True)
class CopyOptions:
    keep_owner: bool = False
    follow_link: bool = False


class RemoteFiles:
    """The files of one container, behind the daemon's archive route."""

    def __init__(self, client: Client, route: str) -> None:
        self._client = client
        self._route = route

    def open(self, path: str) -> Any:
        """A context manager with the tar stream of ``path``.

        :raises NotFound: it is not there.
        """
        return self._client.open("GET", self._route, query={"path": path})

    def put(self, path: str, chunks: Iterable[bytes], *, keep_owner: bool) -> None:
        """Unpack a tar stream into the folder ``path``."""
        query = {"path": path, "copy_owner": keep_owner}
        with self._client.open("PUT", self._route, query=query, body=chunks) as response:
            response.read()

    def entry(self, path: str) -> tarfile.TarInfo | None:
        """What stands at ``path`` (a link itself, not its target); None where nothing does."""
        try:
            with self.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                return archive.next()
        except NotFound:
            return None

    def resolve(self, path: str) -> tuple[str, tarfile.TarInfo | None]:
        """``path`` with links at its end followed, and what stands there.

        :raises UsageError: links without an end.
        """
        for _ in range(_LINKS_FOLLOWED):
            entry = self.entry(path)
            if entry is None or not entry.issym():
                return path, entry
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.linkname))
        raise UsageError("too many symbolic links", attempted="follow", target=path)


def _absolute(path: str) -> str:
    """A path in a container; relative ones start at its root, as with docker."""
    return posixpath.normpath("/" + path.lstrip("/"))


# ── from a container ──────────────────────────────────────────────────────────────────────────


def download(
    files: RemoteFiles, source: str, destination: str, options: CopyOptions, out: IO[bytes]
) -> None:
    """Copy ``source`` of the container to ``destination`` here; ``-`` writes the tar to ``out``.

    :raises TabibError: not there, not writable, or an entry that must not be unpacked.
    """
    contents_only = source.endswith("/.")
    path = _absolute(source)
    if options.follow_link:
        path, _ = files.resolve(path)
    with files.open(path) as stream:
        if destination == "-":
            while block := stream.read(_BLOCK_BYTES):
                out.write(block)
            out.flush()
            return
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            first = archive.next()
            if first is None:
                raise NotFound("it is empty", attempted="copy", target=source)
            folder, name = _place_here(first, source, destination, contents_only)
            try:
                unpack(archive, first, folder, name, keep_owner=options.keep_owner)
            except OSError as error:
                raise _cannot_write(destination, error) from error


def _place_here(
    first: tarfile.TarInfo, source: str, destination: str, contents_only: bool
) -> tuple[str, str]:
    """(existing folder, name in it) that the first entry of the archive gets."""
    if os.path.isdir(destination):
        if contents_only and first.isdir():
            return destination, ""
        name = posixpath.basename(_absolute(source)) or "root"
        return destination, name
    if first.isdir() and os.path.exists(destination):
        raise UsageError(
            "a folder cannot be copied over a file", attempted="copy to", target=destination
        )
    if not first.isdir() and destination.endswith("/"):
        raise UsageError("no such folder", attempted="copy to", target=destination)
    absolute = os.path.abspath(destination)
    parent = os.path.dirname(absolute)
    if not os.path.isdir(parent):
        raise UsageError(f"there is no folder {parent}", attempted="copy to", target=destination)
    return parent, os.path.basename(absolute)


def _cannot_write(destination: str, error: OSError) -> TabibError:
    return UsageError(
        error.strerror or str(error), attempted="write", target=error.filename or destination
    )


# ── into a container ──────────────────────────────────────────────────────────────────────────


def upload(
    files: RemoteFiles, source: str, destination: str, options: CopyOptions, stdin: IO[bytes]
) -> None:
    """Copy ``source`` here to ``destination`` in the container; ``-`` reads a tar from ``stdin``.

    :raises TabibError: not there, not readable, or it does not fit what stands at the destination.
    """
    path, there = files.resolve(_absolute(destination))
    if source == "-":
        if there is None or not there.isdir():
            raise NotFound(
                "it must be an existing folder", attempted="unpack into", target=destination
            )
        files.put(path, _blocks(stdin), keep_owner=options.keep_owner)
        return
    contents_only = source.endswith(("/.", os.sep + ".")) or source == "."
    here = os.path.realpath(source) if options.follow_link else os.path.abspath(source)
    if not os.path.lexists(here):
        raise UsageError("no such file or folder here", attempted="copy", target=source)
    is_folder = os.path.isdir(here) and not os.path.islink(here)
    name = os.path.basename(os.path.abspath(source)) or "root"
    folder, name = _place_there(path, there, destination, name, is_folder, contents_only)
    if there is None and files.entry(folder) is None:
        raise NotFound(
            f"there is no folder {folder} in the container", attempted="copy to", target=destination
        )
    files.put(folder, _tar_of(here, name, options), keep_owner=options.keep_owner)


def _place_there(
    path: str,
    there: tarfile.TarInfo | None,
    destination: str,
    name: str,
    is_folder: bool,
    contents_only: bool,
) -> tuple[str, str]:
    """(folder in the container, name that the root of the archive gets in it)."""
    if there is not None and there.isdir():
        return path, "." if is_folder and contents_only else name
    if there is not None and is_folder:
        raise UsageError(
            "a folder cannot be copied over a file", attempted="copy to", target=destination
        )
    if there is None and not is_folder and destination.endswith("/"):
        raise UsageError("no such folder in the container", attempted="copy to", target=destination)
    return posixpath.dirname(path) or "/", posixpath.basename(path)


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK_BYTES):
        yield block


def _tar_of(root: str, name: str, options: CopyOptions) -> Iterator[bytes]:
    """The tar stream of ``root``, called ``name`` in it; symbolic links stay links."""
    archive = tarfile.TarFile(fileobj=io.BytesIO(), mode="w")  # Reads metadata only.
    for path, inside in _walk(root, name):
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                continue  # There is nothing to copy.
            info = archive.gettarinfo(path, inside)
            if not options.keep_owner:
                info.uid = info.gid = 0
                info.uname = info.gname = ""
            # Hard links are copied as files of their own, as docker does between machines.
            if info.islnk():
                info.type, info.size = tarfile.REGTYPE, os.lstat(path).st_size
            yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            if info.isreg():
                yield from _content(path, info.size)
        except OSError as error:
            raise UsageError(error.strerror or str(error), attempted="read", target=path) from error
    yield b"\0" * 2 * tarfile.BLOCKSIZE


def _walk(root: str, name: str) -> Iterator[tuple[str, str]]:
    yield root, name
    if os.path.islink(root) or not os.path.isdir(root):
        return
    for folder, folders, leaves in os.walk(root):
        folders.sort()
        for leaf in sorted([*folders, *leaves]):
            path = os.path.join(folder, leaf)
            yield path, posixpath.join(name, os.path.relpath(path, root))


def _content(path: str, size: int) -> Iterator[bytes]:
    """Exactly ``size`` bytes and padding, even if the file changes meanwhile."""
    left = size
    with open(path, "rb") as file:
        while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            yield block
    while left > 0:
        yield b"\0" * min(left, _BLOCK_BYTES)
        left -= min(left, _BLOCK_BYTES)
    if size % tarfile.BLOCKSIZE:
        yield b"\0" * (tarfile.BLOCKSIZE - size % tarfile.BLOCKSIZE)
