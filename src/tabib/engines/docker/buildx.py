"""Building by BuildKit, through the program ``docker buildx``, where the daemon runs.

The engine's HTTP API has BuildKit only behind a gRPC session with the client; the program speaks
it. The context comes as a tar stream on its standard input; secrets and credentials go into a
private folder that lives as long as the build.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from tabib.engines.docker.build_errors import Told, build_failed
from tabib.engines.docker.call import BUILD
from tabib.engines.docker.pull import HUB_SERVER
from tabib.engines.docker.streams import lines
from tabib.model.build import BuildSpec
from tabib.model.errors import BuildFailed
from tabib.model.reference import DOCKER_HUB
from tabib.model.wire import EndpointAddress
from tabib.ports import Credentials

ASK_DEADLINE_S = 15.0
_KILL_AFTER_S = 5.0
_VERTEX = re.compile(r"\[(?:[^\]]*?\s)?(\d+)/(\d+)\] (.*)", re.DOTALL)
_METADATA = re.compile(r"\[internal\] load metadata for (\S+)")
_BAD_OPTION = re.compile(r"unknown flag|rawjson")


async def has_buildx() -> bool:
    """Whether ``docker buildx`` is there; asked anew each time, for it may be installed."""
    try:
        process = await asyncio.create_subprocess_exec(
            "docker", "buildx", "version", stdout=DEVNULL,
            stderr=DEVNULL, stdin=DEVNULL,
        )  # fmt: skip
    except OSError:
        return False
    try:
        async with asyncio.timeout(ASK_DEADLINE_S):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        return False


async def build_with_buildx(
    address: EndpointAddress,
    spec: BuildSpec,
    context: AsyncIterator[bytes] | None,
    on_instruction: Callable[[int, int, str], None],
    on_line: Callable[[str], None],
    credentials: Credentials,
) -> None:
    """Build and tag the image; cancelled, the program ends, and the build with it.

    :raises BuildFailed: an instruction failed, or buildx cannot do it.
    """
    with tempfile.TemporaryDirectory(prefix="tabib-build-") as name:
        folder = Path(name)
        await asyncio.to_thread(_prepare, folder, spec, credentials)
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments(address, spec, folder, streamed=context is not None),
                stdin=PIPE if context is not None else DEVNULL,
                stdout=DEVNULL,
                stderr=PIPE,
                env=_environment(address, folder),
            )  # fmt: skip
        except OSError as error:
            raise BuildFailed(
                f"`docker buildx` cannot be started: {error.strerror}",
                attempted=BUILD,
                target=spec.tags[0],
            ) from error
        reading = _Reading(spec, on_instruction, on_line)
        try:
            async with asyncio.TaskGroup() as group:
                if context is not None:
                    group.create_task(_feed(process, context))
                group.create_task(reading.run(process))
            code = await process.wait()
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error
        finally:
            await _end(process)
        if code != 0:
            raise reading.failure(code)


def arguments(
    address: EndpointAddress, spec: BuildSpec, folder: Path, *, streamed: bool
) -> list[str]:
    """The command line. Values of secrets are in files of ``folder``, never here."""
    words = ["docker", *_tls(address), "buildx", "build", "--progress=rawjson"]
    words += [f"--builder={spec.instance}"] if spec.instance else []
    words += ["--push" if spec.push else "--load"]
    words += [f"--tag={tag}" for tag in spec.tags]
    words += [f"--file={spec.dockerfile}"]
    pairs = {"build-arg": spec.args, "label": spec.labels, "build-context": spec.contexts}
    words += [f"--{name}={k}={v}" for name, values in pairs.items() for k, v in values.items()]
    lists = {"cache-from": spec.cache_from, "cache-to": spec.cache_to,
             "add-host": spec.extra_hosts, "allow": spec.entitlements, "ssh": spec.ssh}  # fmt: skip
    words += [f"--{name}={one}" for name, values in lists.items() for one in values]
    words += [
        f"--secret=id={one},src={folder / f'secret-{n}'}" for n, one in enumerate(spec.secrets)
    ]
    words += [f"--ulimit={name}={soft}:{hard}" for name, (soft, hard) in spec.ulimits.items()]
    single = {"target": spec.target, "network": spec.network, "platform": ",".join(spec.platforms),
              "shm-size": str(spec.shm_size_bytes or "")}  # fmt: skip
    # Unasked, buildx adds a provenance with the time to images that can have one: each build
    # would be another image, and `up --build` recreate all.
    single |= {"provenance": "false", **spec.attestations}
    words += [f"--{name}={value}" for name, value in single.items() if value]
    words += ["--no-cache"] * spec.no_cache + ["--pull"] * spec.pull
    return [*words, "-" if streamed else spec.remote]


def _prepare(folder: Path, spec: BuildSpec, credentials: Credentials) -> None:
    """Secrets and credentials as files; the folder is the daemon's alone (mode 0700)."""
    for number, value in enumerate(spec.secrets.values()):
        path = folder / f"secret-{number}"
        path.write_bytes(base64.b64decode(value))
        path.chmod(0o600)
    auths = {}
    for host, auth in credentials.items():
        pair = f"{auth.get('username', '')}:{auth.get('password', '')}"
        entry = {"auth": base64.b64encode(pair.encode()).decode()}
        if auth.get("identitytoken"):
            entry["identitytoken"] = auth["identitytoken"]
        auths[HUB_SERVER if host == DOCKER_HUB else host] = entry
    plugins = str(_docker_config() / "cli-plugins")
    config = {"auths": auths, "cliPluginsExtraDirs": [plugins]}
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    path.chmod(0o600)


def _docker_config() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path("~/.docker").expanduser())


def _environment(address: EndpointAddress, folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DOCKER_CONTEXT", "BUILDX_BUILDER")}
    builders = os.environ.get("BUILDX_CONFIG") or str(_docker_config() / "buildx")
    return {
        **kept,
        "DOCKER_HOST": address.url,
        "DOCKER_CONFIG": str(folder),
        "BUILDX_CONFIG": builders,
    }


def _tls(address: EndpointAddress) -> list[str]:
    files = {"tlscacert": address.tls_ca, "tlscert": address.tls_cert, "tlskey": address.tls_key}
    words = [f"--{name}={path}" for name, path in files.items() if path]
    return [*words, "--tlsverify" if address.tls_verify else "--tls"] if words else []


async def _feed(process: asyncio.subprocess.Process, context: AsyncIterator[bytes]) -> None:
    stdin = process.stdin
    assert stdin is not None
    try:
        async for chunk in context:
            stdin.write(chunk)
            await stdin.drain()
        stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return  # It has ended, and says why itself.


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()  # It cancels the build on the engine, and goes.
    try:
        async with asyncio.timeout(_KILL_AFTER_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class _Reading:
    """Follows ``--progress=rawjson``: vertices (instructions) and what they write."""

    def __init__(
        self,
        spec: BuildSpec,
        on_instruction: Callable[[int, int, str], None],
        on_line: Callable[[str], None],
    ) -> None:
        self._spec = spec
        self._on_instruction = on_instruction
        self._on_line = on_line
        self._told: dict[str, Told] = {}
        self._begun: set[str] = set()
        self._failed: tuple[str, Told] | None = None
        self._other = Told()

    async def run(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in lines(_chunks(process.stderr)):
            try:
                message = msgspec.json.decode(line)
            except msgspec.DecodeError:
                said = self._other.line(line.decode(errors="replace"))
                if "warn" in said.casefold():
                    self._on_line(said)  # All else is about the failure, which is told at the end.
                continue
            for vertex in message.get("vertexes") or ():
                self._vertex(vertex)
            for log in message.get("logs") or ():
                self._log(log)

    def _vertex(self, vertex: Mapping[str, Any]) -> None:
        name, digest = str(vertex.get("name") or ""), str(vertex.get("digest"))
        told = self._told.setdefault(digest, Told())
        found = _VERTEX.match(name)
        told.instruction = found[3] if found else ""
        if vertex.get("started") and digest not in self._begun:
            self._begun.add(digest)
            if found:
                self._on_instruction(int(found[1]), int(found[2]), found[3])
                self._on_line(name)
        error = str(vertex.get("error") or "")
        if error and "context canceled" not in error and self._failed is None:
            looked_for = _METADATA.match(name)
            self._failed = (f"{looked_for[1]}: {error}" if looked_for else error, told)

    def _log(self, log: Mapping[str, Any]) -> None:
        told = self._told.setdefault(str(log.get("vertex")), Told())
        text = base64.b64decode(log.get("data") or "").decode(errors="replace")
        for one in text.splitlines():
            self._on_line(told.line(one))

    def failure(self, code: int) -> Exception:
        if self._failed is not None:
            return build_failed(self._spec, *self._failed)
        said = self._other.lines
        message = said[-1].removeprefix("ERROR: ") if said else f"docker buildx ended with {code}"
        if _BAD_OPTION.search(message):
            message += " (this buildx is too old: 0.13 is needed)"
        excerpt = Told()
        for one in said[1:-1]:  # the lines around it in the Dockerfile
            if not one.startswith("-----"):
                excerpt.line(one)
        return build_failed(self._spec, message, excerpt)


async def _chunks(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await stream.read(1 << 16):
        yield chunk
