"""``ssh://`` endpoints: a private Unix socket, each connection bridged by one ``ssh`` program.

The far side runs ``docker system dial-stdio``, as the docker command's own ssh support does, so
keys, agents, jump hosts and known hosts are those of the user's ssh configuration. A shared
master connection makes every connection after the first one cheap.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tabib.model.errors import EngineUnavailable, UsageError

_CHUNK_BYTES = 64 * 1024
_END_S = 3.0
_LAST_WORDS_S = 0.2


class SshBridge:
    """Made by :meth:`start`; ``path`` is the Unix socket to connect to."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self._folder = folder
        self._argv = argv
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self.path = str(folder / "engine.sock")
        self.last_words = ""
        """What ssh wrote to its error output last: the reason when a connection fails."""

    @classmethod
    async def start(cls, url: str) -> SshBridge:
        """Listen; ssh itself starts with the first connection.

        :raises EngineUnavailable: there is no ``ssh`` program.
        :raises UsageError: the address names no host, or one that ssh would take for an option.
        """
        if shutil.which("ssh") is None:
            raise EngineUnavailable(
                "there is no ssh program",
                attempted="reach the engine",
                target=url,
                advice="Install OpenSSH's client.",
            )
        # the folder is 0700: whoever reached the socket would reach the engine
        folder = Path(tempfile.mkdtemp(prefix="tabib-ssh-"))
        try:
            bridge = cls(folder, ssh_command(url, folder / "master"))
            bridge._server = await asyncio.start_unix_server(bridge._accept, bridge.path)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return bridge

    async def close(self) -> None:
        """End every connection and the master. Idempotent."""
        if self._server:
            self._server.close()
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        if (self._folder / "master").exists():
            await self._end_master()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _end_master(self) -> None:
        argv = [*self._argv[: self._argv.index("--")], "-O", "exit", "--", self._host]
        quiet = asyncio.subprocess.DEVNULL
        with suppress(OSError, TimeoutError):
            process = await asyncio.create_subprocess_exec(*argv, stdout=quiet, stderr=quiet)
            await asyncio.wait_for(process.wait(), _END_S)

    @property
    def _host(self) -> str:
        return self._argv[self._argv.index("--") + 1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            await self._bridge(reader, writer)
        except asyncio.CancelledError:
            pass  # close() ends links this way; the server must not log it as a failure
        finally:
            self._links.discard(task)
            writer.close()

    async def _bridge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.TaskGroup() as both_ways:
                there = both_ways.create_task(_pump(reader, process.stdin))
                errors = both_ways.create_task(self._listen(process.stderr))
                await _pump(process.stdout, writer)
                # a master connection that stays keeps the error output open: it may not end
                await asyncio.wait({errors}, timeout=_LAST_WORDS_S)
                there.cancel()
                errors.cancel()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
            await process.wait()

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        while line := await errors.read(_CHUNK_BYTES):
            self.last_words = line.decode(errors="replace").strip()[-500:]


def ssh_command(url: str, master: Path) -> list[str]:
    """The argv for ``ssh://[user@]host[:port]``.

    :raises UsageError: the address cannot be one.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or host.startswith("-") or (parts.username or "").startswith("-"):
        raise UsageError(
            "that names no host",
            attempted="reach the engine",
            target=url,
            advice="Write ssh://user@host or ssh://user@host:port.",
        )
    argv = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
    argv += ["-o", "ControlMaster=auto", "-o", f"ControlPath={master}", "-o", "ControlPersist=60"]
    if parts.username:
        argv += ["-l", parts.username]
    if parts.port:
        argv += ["-p", str(parts.port)]
    remote = ["docker"]
    if parts.path.strip("/"):
        remote += ["--host", f"unix://{parts.path}"]
    return [*argv, "--", host, *remote, "system", "dial-stdio"]


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(_CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
        sink.write_eof()
