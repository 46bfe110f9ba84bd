"""Stand-ins for official images, from Debian's packages, for machines that reach no registry.

One base with all the programs is made once and shared as one layer; each stand-in adds a few files.
The tiny busybox image is made for itself: a static program and its links.
"""

import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setup import debian, made
from setup.engine_api import Engine, EngineError
from setup.run import CACHE, output, quietly
from setup.say import SetupError, detail

BASE = "tabib-demo/base:bookworm"
_SUITE = "bookworm"  # fixed, whatever the machine runs: the versions in it match the images' tags
_RECIPES = Path(__file__).resolve().parent / "recipes"
_PROGRAMS = "postgresql-15,redis-server,nginx,curl,python3"
_LABEL = "tabib.demo=1"
# Not needed to run, and most of the bytes.
_LEFT_OUT = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/lib/*/libLLVM*",
    "/usr/lib/postgresql/*/lib/bitcode/*",
    "/usr/lib/postgresql/*/lib/llvmjit*",
)
_NO_CLUSTER = "create_main_cluster = false"


def stand_ins(engine: Engine, names: list[str]) -> None:
    """Build what is missing. Raises SetupError when a name has no recipe or a build fails."""
    kinds = {name: name.partition(":")[0] for name in names}
    unknown = [name for name, kind in kinds.items() if not _can_make(kind)]
    if unknown:
        raise SetupError(f"no stand-in is known for {', '.join(unknown)}", "", 5)
    recipes = {name: kind for name, kind in kinds.items() if kind != "busybox"}
    for name in kinds.keys() - recipes.keys():
        _busybox(engine, name)
    if recipes:
        if engine.image(BASE) is None:
            _base(engine)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: _recipe(engine, *item), recipes.items()))


def _can_make(kind: str) -> bool:
    return kind == "busybox" or (_RECIPES / kind).is_dir()


def _base(engine: Engine) -> None:
    """The shared base: Debian with all the programs, made outside the engine."""
    if debian.usable():
        debian.install("mmdebstrap")
    elif shutil.which("mmdebstrap") is None:
        raise SetupError(
            "building images needs mmdebstrap", "As root: apt-get install mmdebstrap", 5
        )
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        archive = Path(folder) / "base.tar"
        quietly(_mmdebstrap(archive, Path(folder)), what="making a Debian base", on_line=_progress)
        detail(f"handing the base to the engine ({archive.stat().st_size // 1_000_000} MB)")
        with archive.open("rb") as file:
            _import(engine, BASE, iter(lambda: file.read(1 << 20), b""))


def _mmdebstrap(archive: Path, folder: Path) -> list[str]:
    options = folder / "apt.conf"
    options.write_text("\n".join(['APT::Install-Recommends "false";', *debian.transport_options()]))
    found = debian.mirrors()
    key = f"[signed-by={debian.keyring()}]"
    sources = [f"deb {key} {found['Debian']} {_SUITE} main"]
    if security := found.get("Debian-Security"):
        sources.append(f"deb {key} {security} {_SUITE}-security main")
    cluster = f'mkdir -p "$1/etc/postgresql-common" && echo "{_NO_CLUSTER}"'
    return [
        "mmdebstrap",
        "--variant=minbase",
        f"--aptopt={options}",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        f'--essential-hook={cluster} > "$1/etc/postgresql-common/createcluster.conf"',
        f"--include={_PROGRAMS}",
        _SUITE,
        str(archive),
        *sources,
    ]


def _progress(text: str) -> None:
    said = text.removeprefix("I: ")
    if text.startswith("I: ") and said.split()[0] in ("downloading", "extracting", "installing"):
        detail(said.rstrip("."))


def _recipe(engine: Engine, name: str, kind: str) -> None:
    """One stand-in: the recipe's Dockerfile over the shared base, by the engine's own builder."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(_RECIPES / kind, arcname=".", filter=_by_root)
    query = [("t", name), ("rm", "1"), ("forcerm", "1"), ("version", "1")]
    query.append(("labels", json.dumps(dict([_LABEL.split("=")]))))
    said = ""
    try:
        for event in engine.stream("POST", "/build", archive.getvalue(), query=query):
            said = str(event.get("stream") or said).strip()
    except EngineError as error:
        raise SetupError(f"building {name}: {error}", said) from error
    made.remember(engine, name, "built")
    detail(f"built {name}")


def _by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _import(engine: Engine, name: str, archive: Iterator[bytes] | bytes, *changes: str) -> None:
    repository, _, tag = name.rpartition(":")
    query = [("fromSrc", "-"), ("repo", repository), ("tag", tag)]
    query += [("changes", change) for change in (f"LABEL {_LABEL}", *changes)]
    try:
        for _ in engine.stream("POST", "/images/create", archive, query=query):
            pass
    except EngineError as error:
        raise SetupError(f"importing {name}: {error}") from error
    made.remember(engine, name, "built")


def _busybox(engine: Engine, name: str) -> None:
    """A few files: the static busybox, a link for each of its programs, and who root is."""
    program = _busybox_program()
    applets = (output([program, "--list"]) or "").split()
    if "httpd" not in applets:
        raise SetupError(f"{program} does not run, or lacks httpd")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
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
    path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    _import(engine, name, archive.getvalue(), 'CMD ["sh"]', path)
    detail(f"built {name}")


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


def _busybox_program() -> Path:
    """Debian's static busybox, fetched without installing it."""
    folder = CACHE / "busybox"
    program = folder / "bin" / "busybox"
    if not program.exists():
        debian.fetch("busybox-static", folder)
    return program
