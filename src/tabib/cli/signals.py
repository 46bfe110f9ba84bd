"""Ends of a command that are no errors, as exceptions."""

from __future__ import annotations


class Terminated(BaseException):
    """SIGTERM arrived; unwinds like KeyboardInterrupt does."""


class ReaderGone(BaseException):
    """Whoever read our output has closed it (``| head``): the rest is not wanted."""
