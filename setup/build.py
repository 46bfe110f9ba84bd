"""Stand-ins for official images, from Debian's packages, for machines that reach no registry.

One base with all the programs is made once and shared as one layer; each stand-in adds a few files.
The tiny ones (see tiny.py) are made for themselves, each in one import.
"""

import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setup import debian, made, tiny
from setup.engine_api import Engine, EngineError
from setup.run import CACHE, quietly
from setup.say import SetupError, detail

BASE = "tabib-demo/base:bookworm"
_BASES = {
    BASE: "postgresql-15,redis-server,nginx,curl,python3",
    "tabib-demo/base-mariadb:bookworm": "mariadb-server-core,mariadb-client",
}
"""Each recipe names the one that it builds on. MariaDB's is apart: few machines need it."""
_SUITE = "bookworm"  # fixed, whatever the machine runs: the versions in it match the images' tags
_RECIPES = Path(__file__).resolve().parent / "recipes"
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
    unknown = [name for name, kind in kinds.items() if not _can_make(name, kind)]
    if unknown:
        raise SetupError(f"no stand-in is known for {', '.join(unknown)}", "", 5)
    recipes = {name: kind for name, kind in kinds.items() if not tiny.can_make(name)}
    for name in kinds.keys() - recipes.keys():
        _import(engine, name, tiny.archive(name), *tiny.CHANGES)
        detail(f"built {name}")
    if recipes:
        for base in sorted({_base_of(kind) for kind in recipes.values()}):
            if engine.image(base) is None:
                _base(engine, base)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: _recipe(engine, *item), recipes.items()))


def _can_make(name: str, kind: str) -> bool:
    return tiny.can_make(name) or (_RECIPES / kind).is_dir()


def _base_of(kind: str) -> str:
    lines = (_RECIPES / kind / "Dockerfile").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("FROM "))


def _base(engine: Engine, base: str) -> None:
    """A shared base: Debian with all the programs, made outside the engine."""
    if debian.usable():
        debian.install("mmdebstrap")
    elif shutil.which("mmdebstrap") is None:
        raise SetupError(
            "building images needs mmdebstrap", "As root: apt-get install mmdebstrap", 5
        )
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        archive = Path(folder) / "base.tar"
        command = _mmdebstrap(archive, Path(folder), _BASES[base])
        quietly(command, what="making a Debian base", on_line=_progress)
        detail(f"handing the base to the engine ({archive.stat().st_size // 1_000_000} MB)")
        with archive.open("rb") as file:
            _import(engine, base, iter(lambda: file.read(1 << 20), b""))


def _mmdebstrap(archive: Path, folder: Path, programs: str) -> list[str]:
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
        f"--include={programs}",
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
