"""restic of this host, where its engine can run none in a container: in a root of its own.

The program sees what a helper container would see, at the same paths, so that copies made either
way are the same. Root only, and only for an engine on this host.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tabib.model.container import Mount
from tabib.model.errors import EngineError, NotFound
from tabib.model.oneshot import OneShot
from tabib.ports import Engine

_READ = 256 * 1024
_SHARED = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "etc", "dev", "proc", "sys")
_OWN = "/.tabib"
_PATH = f"{_OWN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class HostProcess:
    """See :class:`tabib.ports.Process`."""

    def __init__(self, process: asyncio.subprocess.Process, purpose: str) -> None:
        self._process = process
        self._purpose = purpose

    async def write(self, data: bytes) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (OSError, RuntimeError) as error:
            raise EngineError(
                "it takes no more input", attempted="run restic for", target=self._purpose
            ) from error

    async def end_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        readers = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        reads = {asyncio.ensure_future(one.read(_READ)): name for name, one in readers.items()}
        try:
            while reads:
                done, _ = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    name = reads.pop(task)
                    if data := task.result():
                        yield name, data
                        reads[asyncio.ensure_future(readers[name].read(_READ))] = name
        finally:
            for task in reads:
                task.cancel()

    async def exit_code(self) -> int:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def signal(self, name: str) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(getattr(signal, f"SIG{name}"))


class HostRunner:
    """Runs ``program`` as ``restic`` of what would be helper containers."""

    def __init__(self, engine: Engine, program: str) -> None:
        self._engine = engine
        self._program = program
        self.running = 0

    @asynccontextmanager
    async def start_one_shot(self, spec: OneShot) -> AsyncIterator[HostProcess]:
        """
        :raises NotFound: a volume or folder that it mounts is not there.
        """
        mounts = await self._sources(spec)
        folder = Path(tempfile.mkdtemp(prefix="tabib-restic-"))
        try:
            _put(folder / "files", spec)
            script = _script(folder, self._program, mounts, spec)
            process = await asyncio.create_subprocess_exec(
                *_outer(spec),
                script,
                "sh",
                *spec.argv,
                stdin=asyncio.subprocess.PIPE if spec.stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(spec.environment),
            )
            self.running += 1
            try:
                yield HostProcess(process, spec.purpose)
            finally:
                self.running -= 1
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()
                await asyncio.shield(process.wait())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _sources(self, spec: OneShot) -> list[Mount]:
        """The mounts of ``spec`` with volumes as the folders that they are."""
        points: dict[str, str] = {}
        if any(one.type == "volume" for one in spec.mounts):
            seen = await self._engine.observe(detail=False)
            points = {one.name: one.mountpoint for one in seen.volumes}
        found = []
        for mount in spec.mounts:
            source = points.get(mount.source, "") if mount.type == "volume" else mount.source
            made = mount.type == "bind" and bool(mount.options.get("create_host_path"))
            if made:
                Path(source).mkdir(mode=0o700, parents=True, exist_ok=True)
            if mount.type != "tmpfs" and not (source and Path(source).exists()):
                raise NotFound(
                    "bind source path does not exist", attempted="mount", target=mount.source
                )
            found.append(
                Mount(
                    type=mount.type, source=source, target=mount.target, read_only=mount.read_only
                )
            )
        return found


def _put(folder: Path, spec: OneShot) -> None:
    for file in spec.files:
        path = folder / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
        path.chmod(file.mode)


def _outer(spec: OneShot) -> list[str]:
    """Its own mounts and host name; no network where none is named; gone with this daemon."""
    words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts"]
    if spec.network == "none":
        words.append("--net")
    nice = ["nice", "-n", "10"] if spec.cpu_shares else []
    return [*words, *nice, "sh", "-c"]


def _script(folder: Path, program: str, mounts: list[Mount], spec: OneShot) -> str:
    root = folder / "root"
    root.mkdir()
    at = shlex.quote(str(root))
    lines = ["set -e", "mount --make-rprivate /", f"hostname {shlex.quote(spec.hostname)}"]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs {at}", f"mkdir -m 1777 {at}/tmp"]
    for name in _SHARED:
        path = Path("/", name)
        if path.is_symlink():
            lines.append(f"ln -s {shlex.quote(os.readlink(path))} {at}/{name}")
        elif path.is_dir():
            lines.append(f"mkdir {at}/{name}; mount --rbind /{name} {at}/{name}")
    lines.append(f"mkdir {at}{_OWN}; touch {at}{_OWN}/restic")
    lines.append(f"mount --bind {shlex.quote(program)} {at}{_OWN}/restic")
    if Path("/run/systemd/resolve").is_dir():
        inside = f"{at}/run/systemd/resolve"
        lines.append(f"mkdir -p {inside}; mount --bind /run/systemd/resolve {inside}")
    if (folder / "files").is_dir():
        lines.append(f"cp -a {shlex.quote(str(folder / 'files'))}/. {at}/")
    for mount in sorted(mounts, key=lambda one: one.target.count("/")):
        inside = shlex.quote(f"{root}{mount.target}")
        if mount.type == "tmpfs":
            lines.append(f"mkdir -p {inside}")
            continue
        made = "mkdir -p" if Path(mount.source).is_dir() else f"mkdir -p $(dirname {inside}); touch"
        lines.append(f"{made} {inside}; mount --bind {shlex.quote(mount.source)} {inside}")
        if mount.read_only:
            lines.append(f"mount -o remount,bind,ro {inside}")
    return "\n".join([*lines, f'exec chroot {at} "$@"'])


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": _PATH, **given}
