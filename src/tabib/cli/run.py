"""Runs a command through click and turns whatever happens into an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

import click

from tabib.cli import exit_codes
from tabib.cli.app import root
from tabib.cli.settings import Settings
from tabib.cli.signals import ReaderGone, Terminated
from tabib.model.errors import TabibError


def run(argv: Sequence[str] | None = None, failed: BaseException | None = None) -> int:
    """Run ``tabib ARGV``; the exit code. Never shows a traceback.

    ``failed``: what a shorter way ended with; it is only reported here.
    """
    settings = Settings()
    _open_closed_streams()
    with suppress(ValueError):  # Not in the main thread: somebody embeds us.
        signal.signal(signal.SIGTERM, _terminated)
    try:
        code = _run(argv, settings, failed)
        sys.stdout.flush()
    except (BrokenPipeError, ReaderGone):
        _silence_stdout()
        return exit_codes.DONE
    return code


def _run(argv: Sequence[str] | None, settings: Settings, failed: BaseException | None) -> int:
    try:
        if failed is not None:
            raise failed
        result = root.main(
            args=None if argv is None else list(argv),
            prog_name="tabib",
            standalone_mode=False,
            obj=settings,
        )
    except TabibError as error:
        return _report(error, settings)
    except click.ClickException as error:
        return _report_usage(error, settings)
    except (KeyboardInterrupt, click.Abort):
        return exit_codes.INTERRUPTED
    except Terminated:
        return exit_codes.TERMINATED
    except Exception as error:  # noqa: BLE001 - the last resort: a message, not a traceback
        from tabib.cli.render.errors import report_crash

        report_crash(error, settings)
        return settings.own_failure or exit_codes.BUG
    return result if isinstance(result, int) else exit_codes.DONE


def _report(error: TabibError, settings: Settings) -> int:
    from tabib.cli.render.errors import report

    report(error, settings)
    code = exit_codes.of_error(error)
    if settings.own_failure is not None and code != exit_codes.INTERRUPTED:
        return settings.own_failure
    return code


def _report_usage(error: click.ClickException, settings: Settings) -> int:
    from tabib.cli.render.errors import report_usage

    report_usage(error, settings)
    context = getattr(error, "ctx", None)
    passes_codes = context is not None and context.info_name in ("exec", "run") and context.parent
    return exit_codes.OWN_FAILURE if passes_codes else exit_codes.USAGE


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _open_closed_streams() -> None:
    """Started with `>&-`, Python has no stream at all: what is written goes nowhere then."""
    # They stay open as long as the process.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _silence_stdout() -> None:
    """The reader went away; nothing may be written any more, not even by the interpreter."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            os.dup2(descriptor, stream.fileno())
    os.close(descriptor)
