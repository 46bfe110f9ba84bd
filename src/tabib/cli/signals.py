"""Signals that end a command, as exceptions."""

from __future__ import annotations


class Terminated(BaseException):
    """SIGTERM arrived; unwinds like KeyboardInterrupt does."""
