"""Unpacking a tar stream that nobody vouches for."""

from __future__ import annotations

import os
import posixpath
import shutil
import tarfile
from contextlib import suppress

from tabib.model.errors import Refused


def unpack(
    archive: tarfile.TarFile,
    first: tarfile.TarInfo,
    folder: str,
    name: str,
    *,
    keep_owner: bool = False,
) -> None:
    """Unpack the rest of ``archive``, whose first entry is ``first``, as ``folder/name``.

    ``name`` empty: the contents of the first entry go into ``folder`` itself. The root of every
    entry's name is replaced. Set-user-id bits are kept only with ``keep_owner``; devices are
    skipped. Modes of folders are set at the end, so that read-only ones can be filled.

    :raises Refused: an entry would land outside, or pass through a symbolic link.
    :raises OSError: as writing files does.
    """
    root = _clean(first.name).split("/")[0]
    base = os.path.join(os.path.realpath(folder), name) if name else os.path.realpath(folder)
    modes: list[tuple[str, tarfile.TarInfo]] = []
    entry: tarfile.TarInfo | None = first
    while entry is not None:
        inside = _inside(entry.name, root)
        target = os.path.join(base, inside) if inside else base
        _check_parents(base, inside, entry.name)
        _write(archive, entry, target, base, root)
        if entry.isdir():
            modes.append((target, entry))
        elif not entry.issym():
            _finish(target, entry, keep_owner)
        elif keep_owner:
            _own(target, entry)
        entry = archive.next()
    for target, info in reversed(modes):
        _finish(target, info, keep_owner)


def _clean(name: str) -> str:
    """The name without ``./``; a root that is ``/`` itself is called ``.``.

    :raises Refused: it climbs out.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise _refused(name, "its name climbs out of the folder")
    return "/".join(parts) or "."


def _inside(name: str, root: str) -> str:
    clean = _clean(name)
    if name.startswith("/") and clean.split("/")[0] != root:
        raise _refused(name, "its name is absolute")
    if root == ".":
        return "" if clean == "." else clean
    head, _, rest = clean.partition("/")
    if head != root:
        raise _refused(name, f"it is not below {root}")
    return rest


def _check_parents(base: str, inside: str, name: str) -> None:
    """Nothing between ``base`` and the entry may be a symbolic link."""
    parts = inside.split("/")[:-1] if inside else []
    path = base
    if inside and os.path.islink(base):
        raise _refused(name, "it would pass through a symbolic link")
    for part in parts:
        path = os.path.join(path, part)
        if os.path.islink(path):
            raise _refused(name, "it would pass through a symbolic link")
        os.makedirs(path, mode=0o755, exist_ok=True)


def _write(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, target: str, base: str, root: str
) -> None:
    if entry.isdir():
        if os.path.islink(target) and target != base:
            os.unlink(target)
        os.makedirs(target, exist_ok=True)
    elif entry.issym():
        _make_room(target)
        os.symlink(entry.linkname, target)
    elif entry.islnk():
        inside = _inside(entry.linkname, root)
        _check_parents(base, inside, entry.linkname)
        source = os.path.join(base, inside) if inside else base
        if os.path.islink(source):
            raise _refused(entry.name, "it is a hard link to a symbolic link")
        _make_room(target)
        os.link(source, target)
    elif entry.isreg():
        content = archive.extractfile(entry)
        if content is None:
            return
        if os.path.islink(target):
            os.unlink(target)  # Never write through a link.
        with open(target, "wb") as file:
            shutil.copyfileobj(content, file)


def _make_room(target: str) -> None:
    if os.path.lexists(target) and not (os.path.isdir(target) and not os.path.islink(target)):
        os.unlink(target)


def _finish(target: str, entry: tarfile.TarInfo, keep_owner: bool) -> None:
    if not os.path.lexists(target) or os.path.islink(target):
        return
    if keep_owner:
        _own(target, entry)
    with suppress(OSError):
        os.chmod(target, entry.mode & (0o7777 if keep_owner else 0o777))
        os.utime(target, (entry.mtime, entry.mtime))


def _own(target: str, entry: tarfile.TarInfo) -> None:
    """As far as this user may."""
    with suppress(OSError):
        os.chown(target, entry.uid, entry.gid, follow_symlinks=False)


def _refused(name: str, why: str) -> Refused:
    return Refused(
        why,
        attempted="unpack",
        target=repr(posixpath.normpath(name)),
        advice="The container may be hostile; copy with `-` and look at the tar stream.",
    )
