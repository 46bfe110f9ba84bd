"""Files inside containers and volumes of the memory engine, and tar streams of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Iterator

from tabib.engines.memory.records import ContainerRecord, FileNode, Files
from tabib.model.errors import NotFound

_CHUNK_BYTES = 65536


def locate(record: ContainerRecord, path: str) -> tuple[Files, str]:
    """The store that holds ``path`` (the container's own or a mount's), and the path within it."""
    wanted = "/" + path.strip("/")
    best = None
    for mount in record.mounts:
        inside = wanted == mount.target or wanted.startswith(mount.target.rstrip("/") + "/")
        if inside and (best is None or len(mount.target) > len(best.target)):
            best = mount
    if best is None:
        return record.files, wanted
    return best.files, wanted[len(best.target.rstrip("/")) :].lstrip("/")


def _below(record: ContainerRecord, path: str) -> Iterator[tuple[str, FileNode]]:
    """(path relative to ``path``'s parent, file) of ``path`` or everything below it."""
    base = path.strip("/").rpartition("/")[2]
    files, inner = locate(record, path)
    if inner in files:
        yield base, files[inner]
        return
    head = f"{inner.rstrip('/')}/" if inner else ""
    for name in sorted(files):
        if name.startswith(head):
            yield f"{base}/{name[len(head) :]}".lstrip("/"), files[name]


async def get_archive(record: ContainerRecord, path: str) -> AsyncIterator[bytes]:
    """A tar of ``path``.

    :raises NotFound: nothing is there.
    """
    found = list(_below(record, path))
    at_mount = any(mount.target.rstrip("/") == "/" + path.strip("/") for mount in record.mounts)
    if not found and not at_mount:
        raise NotFound(
            f"Could not find the file {path} in container {record.name}",
            attempted="get archive",
            target=record.name,
            details={"status": 404},
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        base = path.strip("/").rpartition("/")[2]
        if base and not (len(found) == 1 and found[0][0] == base):
            folder = tarfile.TarInfo(base)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        for name, node in found:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(node.content), node.mode, int(node.mtime)
            info.uid, info.gid = node.uid, node.gid
            tar.addfile(info, io.BytesIO(node.content))
    data = buffer.getvalue()
    for at in range(0, len(data), _CHUNK_BYTES):
        yield data[at : at + _CHUNK_BYTES]


async def put_archive(
    record: ContainerRecord, path: str, chunks: AsyncIterator[bytes], *, copy_owner: bool
) -> None:
    """Unpack a tar into the folder ``path``; owners are kept either way, as the engine does."""
    data = b"".join([chunk async for chunk in chunks])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            if not info.isfile():
                continue
            source = tar.extractfile(info)
            content = source.read() if source is not None else b""
            files, name = locate(record, f"{path.rstrip('/')}/{info.name.removeprefix('./')}")
            files[name] = FileNode(content, info.mode, info.uid, info.gid, float(info.mtime))
