"""Compose text → Project. Pure: files are read through a :class:`Reader` that is passed in."""

from __future__ import annotations

from tabib.compose.load import check, load
from tabib.compose.request import LoadRequest, Reader

__all__ = ["LoadRequest", "Reader", "check", "load"]
