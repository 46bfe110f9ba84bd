"""From settings to a daemon that answers, and the engine that is meant."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from tabib.cli.settings import Settings
from tabib.model import paths
from tabib.model.errors import UsageError

if TYPE_CHECKING:
    # Imported where they are used: http.client takes 40 ms, which help must not.
    from tabib.client.api import Client
    from tabib.client.daemon import DaemonOptions
    from tabib.client.transport import DaemonAddress
    from tabib.model.wire import EndpointAddress


def daemon_options(settings: Settings) -> DaemonOptions:
    """How a daemon of this user would be started."""
    from tabib.client.daemon import DaemonOptions

    state = paths.state_dir(os.environ, os.getuid(), settings.state_dir)
    return DaemonOptions(state_dir=state, log_level=settings.log_level)


def remote_address(settings: Settings) -> DaemonAddress | None:
    """The daemon that ``--host`` or TABIB_HOST names; None: this user's own."""
    from tabib.client.transport import parse_address

    url = settings.host or os.environ.get("TABIB_HOST", "")
    return parse_address(url) if url else None


def address_of(settings: Settings) -> DaemonAddress:
    return remote_address(settings) or daemon_options(settings).address


def engine_endpoint(settings: Settings) -> EndpointAddress:
    """The engine: ``--context``, DOCKER_HOST, DOCKER_CONTEXT, the current context, the socket."""
    from tabib.client.endpoint import resolve_endpoint

    if settings.cluster not in ("", "default"):
        raise UsageError(
            "there is one cluster only, `default`, until `tabib cluster` is there",
            attempted="use cluster",
            target=settings.cluster,
            advice="Name an engine with --context NAME or DOCKER_HOST.",
        )
    return resolve_endpoint(os.environ, settings.context)


def engine_header(settings: Settings) -> str:
    """The value of ``X-Tabib-Endpoint``."""
    return json.dumps(asdict(engine_endpoint(settings)), separators=(",", ":"))


@contextmanager
def connect(settings: Settings) -> Iterator[Client]:
    """A client of a daemon that answers: the one named, this user's own (started where none
    answers), or a private one that ends with the block.

    :raises TabibError: it cannot be reached or started.
    """
    from tabib.client.api import Client

    header = engine_header(settings)
    remote = remote_address(settings)
    if remote is not None:
        if settings.no_daemon:
            raise UsageError("--no-daemon and --host exclude each other")
        yield Client(remote, header)
    elif settings.no_daemon:
        from tabib.client.private import private_daemon

        with private_daemon(daemon_options(settings)) as address:
            yield Client(address, header)
    else:
        from tabib.client import daemon

        options = daemon_options(settings)
        daemon.ensure(options, say)
        yield Client(options.address, header)


def say(text: str) -> None:
    """Text on standard error, at once."""
    sys.stderr.write(text)
    sys.stderr.flush()


def who() -> str:
    """``user@host``, for releases and the journal."""
    import socket

    name = os.environ.get("SUDO_USER") or os.environ.get("USER") or os.environ.get("LOGNAME")
    if not name:
        import pwd

        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
