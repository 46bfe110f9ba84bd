"""Tiny images without a shared base: busybox, and restic with ssh beside busybox as its own has.

Everything comes from Debian's packages, unpacked without being installed.
"""

import io
import os
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from setup import debian
from setup.compose_peer import private_apt
from setup.run import CACHE, output, quietly
from setup.say import SetupError, detail

CHANGES = (
    'CMD ["sh"]',
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)
_RESTIC_SUITES = {"restic/restic:0.18.1": "trixie", "restic/restic:0.14.0": "bookworm"}
"""Whose restic runs with bookworm's C library. trixie's is 0.18.0: what differs is not used."""
_SUITE = "bookworm"
_WITH_RESTIC = (
    *("ca-certificates", "libc6", "libcbor0.8", "libcom-err2", "libedit2", "libbsd0", "libmd0"),
    *("libfido2-1", "libgssapi-krb5-2", "libk5crypto3", "libkeyutils1", "libkrb5-3"),
    *("libkrb5support0", "libpcre2-8-0", "libselinux1", "libssl3", "libtinfo6", "libudev1"),
    *("openssh-client", "zlib1g"),
)
_LIBRARIES = ("lib/", "lib64/", "usr/lib/")
_PROGRAMS = ("usr/bin/restic", "usr/bin/ssh", "etc/ssh/ssh_config")


def can_make(name: str) -> bool:
    return name in _RESTIC_SUITES or name.partition(":")[0] == "busybox"


def archive(name: str) -> bytes:
    """The image's root as a tar. Raises SetupError where its parts are not to be had."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _busybox(tar)
        if suite := _RESTIC_SUITES.get(name):
            _unpacked(tar, _fetched("restic-libraries", _WITH_RESTIC, _SUITE))
            _unpacked(tar, _fetched(name, ("restic",), suite))
    return buffer.getvalue()


def _by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _busybox(tar: tarfile.TarFile) -> None:
    """A few files: the static busybox, a link for each of its programs, and who root is."""
    program = _busybox_program()
    applets = (output([program, "--list"]) or "").split()
    if "httpd" not in applets:
        raise SetupError(f"{program} does not run, or lacks httpd")
    for folder, mode in _FOLDERS.items():
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        tar.addfile(entry)
    tar.add(program, arcname="bin/busybox", filter=_by_root)
    for applet in applets:
        if applet != "busybox":
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname, entry.mode = tarfile.LNKTYPE, "bin/busybox", 0o755
            tar.addfile(entry)
    for path, text in _FILES.items():
        entry = tarfile.TarInfo(path)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))


_FOLDERS = {
    "bin": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "root": 0o700,
    "tmp": 0o1777,
    "usr": 0o755,
    "var": 0o755,
    "var/www": 0o755,
}
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


def _unpacked(tar: tarfile.TarFile, folder: Path) -> None:
    """restic and ssh with the libraries that they load, and whom to trust over TLS."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        library = name.startswith(_LIBRARIES) and ".so" in path.name
        if path.is_dir() or not (library or name in _PROGRAMS):
            continue
        tar.add(path, arcname=name, filter=_by_root)
    certificates = sorted((folder / "usr/share/ca-certificates").rglob("*.crt"))
    if not certificates:
        return
    bundle = b"".join(path.read_bytes() for path in certificates)
    entry = tarfile.TarInfo("etc/ssl/certs/ca-certificates.crt")
    entry.size, entry.mode = len(bundle), 0o644
    tar.addfile(entry, io.BytesIO(bundle))


def _fetched(name: str, packages: Sequence[str], suite: str) -> Path:
    """``packages`` of a suite, unpacked in a folder of the cache."""
    folder = CACHE / name.replace("/", "-").replace(":", "-")
    if folder.exists():
        return folder
    mirror = debian.mirrors()["Debian"]
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        draft, lists = Path(scratch) / "root", Path(scratch) / "apt"
        lists.mkdir()
        options = private_apt(lists, f"{mirror} {suite} main")
        quietly(["apt-get", *options, "-q", "update"], what=f"package lists of {suite}")
        detail(f"fetching {packages[-1]} from Debian's {suite}")
        for package in packages:
            debian.fetch(package, draft, options)
        os.replace(draft, folder)
    return folder


def _busybox_program() -> Path:
    """Debian's static busybox, fetched without installing it."""
    folder = CACHE / "busybox"
    program = folder / "bin" / "busybox"
    if not program.exists():
        debian.fetch("busybox-static", folder)
    return program
