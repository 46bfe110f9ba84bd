"""The daemon: one TaskGroup with the API, every engine's watch and care, and their end.

It alone acts and alone writes the journal. Going down harms nothing: containers run on under the
engine; coming back, it observes and plans anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket as sockets
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import structlog

from tabib.api.app import application
from tabib.api.context import Context
from tabib.host.heap import settle_heap
from tabib.host.settings import VARIABLE, read_settings, settings_path
from tabib.model import paths
from tabib.model.errors import Refused, StateUnusable, TabibError
from tabib.model.settings import HostSettings
from tabib.operations.operation import Operations, bug
from tabib.operations.tasks import keep_running, spawn
from tabib.stores.state import StateDir
from tabib.wiring import (
    EngineSites,
    Stores,
    build_notifying,
    report_from,
    send_metrics,
    system_clock,
)

if TYPE_CHECKING:
    from tabib.api.server import Server

log = structlog.get_logger("tabib.daemon")

STOP_TIMEOUT_S = 15.0
"""How long running operations get to end at a safe step."""
NOTIFY_TIMEOUT_S = 5.0
"""How long notifications that are being sent get to end."""
REMOVED_AFTER_S = 2.0
"""At most this long it acts on a state folder that is not there any more."""
ROOM_EVERY_S = 5.0
"""Once a full disk has room again, care acts again within this time."""
SETTLED_AFTER_S = 5.0
HOUSEKEEPING = timedelta(minutes=5)
FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonOptions:
    state_dir: str
    socket: str
    private: bool = False
    background: bool = False
    log_level: str = "info"


def main(
    state_dir: str,
    *,
    socket: str | None = None,
    private: bool = False,
    background: bool = False,
    log_level: str = "info",
) -> int:
    """Run the daemon until it is told to stop; the process's exit code.

    In the background or private, a fatal error is written as one line of JSON
    (``TabibError.to_wire``) to stderr, for the command that started it to read.

    :raises TabibError: in the foreground, why it could not start.
    """
    options = DaemonOptions(
        state_dir=state_dir,
        socket=socket or paths.socket_path(state_dir),
        private=private,
        background=background,
        log_level=log_level or "info",
    )
    _logging(options.log_level)
    try:
        return _run(options)
    except TabibError as error:
        return _fatal(options, error)
    except Exception as error:  # noqa: BLE001 - the process ends: say why, in one line
        return _fatal(options, bug(error, "run", "the tabib daemon"))


def _fatal(options: DaemonOptions, error: TabibError) -> int:
    if not (options.background or options.private):
        raise error
    already = isinstance(error, Refused) and "pid" in error.details
    line = f"{json.dumps(error.to_wire())}\n".encode()
    try:
        if os.write(sys.stderr.fileno(), line) < len(line):
            return paths.NO_ROOM_TO_SAY
    except OSError:
        return paths.NO_ROOM_TO_SAY
    return paths.ALREADY_RUNNING if already and not options.private else FAILED


def _run(options: DaemonOptions) -> int:
    settings = _settings()
    state = StateDir.open(Path(options.state_dir))
    lock = state.lock()
    try:
        with _listening(options.socket) as listener:
            import uvloop

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_serve(options, settings, state, listener))
    finally:
        lock.release()


def _settings() -> HostSettings:
    named = bool(os.environ.get(VARIABLE))
    return read_settings(settings_path(os.environ, os.getuid()), required=named)


async def _serve(
    options: DaemonOptions, settings: HostSettings, state: StateDir, listener: sockets.socket
) -> int:
    clock = system_clock()
    recorder = None if options.private else settings.recorder
    stores = await Stores.open(state, clock, recorder)
    await stores.journal.clear_leases()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if options.private:
        _end_with_command(loop, stopping)
    sites: EngineSites | None = None
    try:
        async with asyncio.TaskGroup() as group:
            file = settings_path(os.environ, os.getuid())
            notifying = build_notifying(stores, clock, settings.notify, file=file)
            sites = EngineSites(
                stores,
                clock,
                group,
                acts=not options.private,
                refused="",
                notifier=notifying.notifier,
                backup=settings.backup,
            )
            notifying.report_with(report_from(sites))
            operations = Operations(group, lambda: os.urandom(8).hex())
            context = Context(
                sites=sites,
                operations=operations,
                stop=stopping.set,
                background=options.background,
                private=options.private,
                started_at=clock.now(),
                notifying=notifying,
            )
            server = _server(context)
            serving = group.create_task(server.serve(sockets=[listener]))
            keeping = group.create_task(_housekeeping(stores, state))
            watching = group.create_task(_until_removed(state, stopping))
            if not options.private:
                await sites.restore()
                spawn(group, send_metrics(sites, settings.metrics, clock), "send metrics")
                keep_running(group, notifying.run, "notify", clock)
            # Not before the command that started it has its answer.
            loop.call_later(SETTLED_AFTER_S, settle_heap)
            log.info("daemon.ready", socket=options.socket, pid=os.getpid())
            await stopping.wait()
            log.info("daemon.stopping", operations=len(operations.running))
            await operations.stop_all(STOP_TIMEOUT_S)
            server.stop()
            keeping.cancel()
            watching.cancel()
            with contextlib.suppress(asyncio.TimeoutError):
                async with asyncio.timeout(5.0):
                    await serving
            await sites.flush()
            await notifying.end(NOTIFY_TIMEOUT_S)
            raise _Stopped
    except* _Stopped:
        pass
    finally:
        # Once no task is left that could ask something of them.
        if sites is not None:
            await sites.close()
        await stores.close()
    return 0


class _Stopped(Exception):
    """Ends the task group: everything in it is cancelled."""


def _server(context: Context) -> Server:
    import uvicorn

    from tabib.api.server import Server

    config = uvicorn.Config(
        application(context),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        http="httptools",
        ws="none",
        loop="none",
        # Whoever reads it sits on this machine, and has its clock.
        date_header=False,
    )
    return Server(config)


@contextlib.contextmanager
def _listening(path: str) -> Iterator[sockets.socket]:
    """The Unix socket, with the group and rights of the engine's own; removed at the end.

    The lock on the state folder is held: a socket that is there already is a dead daemon's.
    """
    file = Path(path)
    try:
        file.unlink(missing_ok=True)
        listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(old)
        listener.listen(128)
        _like_the_engine(file)
    except OSError as error:
        raise StateUnusable(
            error.strerror or str(error),
            attempted="listen on",
            target=path,
            advice="Name another state folder with --state-dir; socket paths hold 107 characters.",
        ) from error
    mine = file.stat().st_ino
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(OSError):
            if file.stat().st_ino == mine:
                file.unlink()


def _like_the_engine(file: Path) -> None:
    """Access to this socket is as good as access to the engine's: give it the same group."""
    with contextlib.suppress(OSError):
        found = Path("/var/run/docker.sock").stat()
        if os.geteuid() == 0 and found.st_gid != 0:
            os.chown(file, 0, found.st_gid)
            file.chmod(stat.S_IMODE(found.st_mode) & 0o660)


def _end_with_command(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """A private daemon ends with the command that started it: when its pipe on stdin closes."""

    def closed() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            stopping.set()

    with contextlib.suppress(OSError, PermissionError):
        loop.add_reader(0, closed)


async def _until_removed(state: StateDir, stopping: asyncio.Event) -> None:
    """End the daemon when its state is taken away: what it writes from then on is lost, and with
    its socket gone nobody could see or stop it."""
    files = [state.path / name for name in ("daemon.lock", "journal.sqlite3", "vault.sqlite3")]
    mine = [_inode(file) for file in files]
    while mine == [_inode(file) for file in files]:
        await system_clock().sleep(REMOVED_AFTER_S)
    log.error("state.removed", folder=str(state.path), what="the daemon ends; containers run on")
    stopping.set()


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


async def _housekeeping(stores: Stores, state: StateDir) -> None:
    """Now and then: room for the reserve again? old journal entries?"""
    clock = system_clock()
    pruned_at = clock.monotonic()
    while True:
        await clock.sleep(ROOM_EVERY_S)
        try:
            if state.mode() != "act":
                await asyncio.to_thread(state.restore_reserve)
            if clock.monotonic() - pruned_at >= HOUSEKEEPING.total_seconds():
                pruned_at = clock.monotonic()
                await stores.journal.prune(clock.now())
        except TabibError as error:
            log.error("housekeeping.failed", why=str(error))


def _logging(level: str) -> None:
    number = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=False)
            if sys.stderr.isatty()
            else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            number if isinstance(number, int) else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", _Patient())),
    )


class _Patient:
    """A log whose disk may be full: a line that cannot be written stops no work.

    Written past Python's own buffer, which would keep such a line, and fail with it at the end.
    """

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), text.encode(errors="replace"))

    def flush(self) -> None:
        """Nothing is kept back."""
